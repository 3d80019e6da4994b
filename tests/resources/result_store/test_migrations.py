"""Each revision keeps the rows that it finds, and says truthfully what they do not have."""

from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from sqlalchemy.exc import IntegrityError

import migrations
from engine.metrics import METRICS
from engine.positions import EXIT_REASONS
from research.natural_key import json_text
from resources.result_store.frame_schemas import BACKTESTS, TRADES
from resources.result_store.manager import BacktestPersistenceManager
from resources.result_store.models import Base
from resources.result_store.schema import HEAD_REVISION, VERSION_TABLE, upgrade
from tests.resources.result_store.rows import identifier, result, trade

OLD_METRICS = {
    *("total_return", "annualized_return", "annualized_volatility", "sharpe_ratio"),
    *("sortino_ratio", "calmar_ratio", "omega_ratio", "max_drawdown", "value_at_risk"),
    *("conditional_value_at_risk", "win_rate", "profit_factor", "expectancy"),
    *("average_trade_return", "best_trade", "worst_trade", "total_trades", "closed_trades"),
    *("open_trades", "final_value", "total_fees", "benchmark_return"),
}
NEW_METRICS = [name for name in METRICS if name not in OLD_METRICS]
NOT_MEASURED = "not measured by the version that made this row"
NOT_IN_0002 = {"seeds"}
NOT_IN_0001 = {*NEW_METRICS, *NOT_IN_0002, "universe_version", "direction", "exit_reason"}


_OPTIONS = {"version_table": VERSION_TABLE}


def _migrate(engine: sa.Engine, revision: str) -> None:
    config = Config()
    config.set_main_option("script_location", str(Path(migrations.__file__).parent))
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        current = MigrationContext.configure(connection, opts=_OPTIONS).get_current_revision()
        if current and revision < current:
            command.downgrade(config, revision)
        else:
            command.upgrade(config, revision)


def _insert(engine: sa.Engine, table: str, row: dict[str, Any]) -> None:
    """Insert a row as revision 0001 knows it."""
    known = {name: value for name, value in row.items() if name not in NOT_IN_0001}
    values = {
        name: json_text(value) if isinstance(value, dict) else value
        for name, value in known.items()
    }
    places = ", ".join(f":{name}" for name in values)
    with engine.begin() as connection:
        connection.execute(
            sa.text(f"INSERT INTO {table} ({', '.join(values)}) VALUES ({places})"), values
        )


def _fill(engine: sa.Engine) -> list[str]:
    """Put two backtests and three trades into a database of revision 0001; return their ids."""
    rows = [result(), result(symbol="MSFT", sharpe_ratio=None, undefined={"sharpe_ratio": "why"})]
    mine = [identifier(row) for row in rows]
    for row, own in zip(rows, mine, strict=True):
        _insert(engine, "backtests", {**row, "id": own})
    for number, status in ((1, "closed"), (2, "open")):
        _insert(engine, "trades", {**trade(number, status=status), "backtest_id": mine[0]})
    _insert(engine, "trades", {**trade(1), "backtest_id": mine[1]})
    return mine


def _rows(engine: sa.Engine, table: str) -> list[dict[str, Any]]:
    order = "id" if table == "backtests" else "backtest_id, trade_no"
    with engine.connect() as connection:
        found = connection.execute(sa.text(f"SELECT * FROM {table} ORDER BY {order}"))
        return [dict(row) for row in found.mappings()]


@pytest.fixture
def old_engine(bare_engine: sa.Engine) -> sa.Engine:
    """Return an engine on an empty database of revision 0001."""
    _migrate(bare_engine, "0001")
    return bare_engine


def test_an_upgrade_from_0001_keeps_every_value_of_every_row(old_engine: sa.Engine) -> None:
    _fill(old_engine)
    before = {table: _rows(old_engine, table) for table in ("backtests", "trades")}
    upgrade(old_engine)
    for table, rows in before.items():
        for old, new in zip(rows, _rows(old_engine, table), strict=True):
            kept = {name: new[name] for name in old if name != "undefined"}
            assert kept == {name: old[name] for name in old if name != "undefined"}
            assert set(new) - set(old) == NOT_IN_0001 & set(new)


def test_older_rows_have_no_new_metric_and_say_why(old_engine: sa.Engine) -> None:
    aapl, msft = _fill(old_engine)
    upgrade(old_engine)
    manager = BacktestPersistenceManager(old_engine)
    for own, reasons in ((aapl, {}), (msft, {"sharpe_ratio": "why"})):
        row = manager.get_backtest_by_id(own)
        assert row is not None
        assert row["universe_version"] is None
        assert {name for name in METRICS if row[name] is None} == {*NEW_METRICS, *reasons}
        assert row["undefined"] == reasons | dict.fromkeys(NEW_METRICS, NOT_MEASURED)


def test_older_trades_were_long_and_ended_by_a_signal_if_at_all(old_engine: sa.Engine) -> None:
    aapl, _ = _fill(old_engine)
    upgrade(old_engine)
    row = BacktestPersistenceManager(old_engine).get_backtest_by_id(aapl)
    assert row is not None
    ends = [(one["direction"], one["status"], one["exit_reason"]) for one in row["trades"]]
    assert ends == [("long", "closed", "signal"), ("long", "open", "open")]


def test_older_rows_can_be_ranked_read_and_saved_over(old_engine: sa.Engine) -> None:
    aapl, _ = _fill(old_engine)
    upgrade(old_engine)
    manager = BacktestPersistenceManager(old_engine)
    assert manager.leaderboard()["symbols"].to_list() == [2]
    assert {row["symbol"] for row in manager.get_best_performing_strategies("alpha")} == {
        "AAPL",
        "MSFT",
    }
    assert manager.get_backtests_by_run("run-1").height == 2
    short = trade(1, direction="short", exit_reason="trailing_stop")
    assert str(manager.save_backtest_result(result(), [short])) == aapl
    row = manager.get_backtest_by_id(aapl)
    assert row is not None
    assert row["alpha"] == 0.25
    assert [one["exit_reason"] for one in row["trades"]] == ["trailing_stop"]


def test_a_dashboard_keeps_its_view_of_a_view_and_its_grant(old_engine: sa.Engine) -> None:
    reader = f"reader_{old_engine.url.database}"
    with old_engine.begin() as connection:
        connection.execute(sa.text("CREATE VIEW mine AS SELECT symbol FROM latest_backtests"))
        connection.execute(sa.text(f"CREATE ROLE {reader}"))
        connection.execute(sa.text(f"GRANT SELECT ON latest_backtests, leaderboard TO {reader}"))
    try:
        upgrade(old_engine)
        with old_engine.begin() as connection:
            connection.execute(sa.text(f"SET LOCAL ROLE {reader}"))
            connection.execute(sa.text("SELECT universe_alpha FROM latest_backtests"))
            connection.execute(sa.text("SELECT * FROM leaderboard"))
    finally:
        with old_engine.begin() as connection:
            connection.execute(sa.text(f"DROP OWNED BY {reader}"))
            connection.execute(sa.text(f"DROP ROLE {reader}"))


EARLIER = [f"{number:04}" for number in range(1, int(HEAD_REVISION))]


@pytest.mark.parametrize("revision", EARLIER)
def test_from_each_earlier_revision_the_schema_becomes_that_of_the_models(
    old_engine: sa.Engine, revision: str
) -> None:
    _fill(old_engine)
    _migrate(old_engine, revision)
    upgrade(old_engine)
    with old_engine.connect() as connection:
        context = MigrationContext.configure(connection, opts=_OPTIONS)
        assert compare_metadata(context, Base.metadata) == []


@pytest.mark.parametrize("revision", EARLIER)
def test_down_and_up_again_gives_the_same_rows(old_engine: sa.Engine, revision: str) -> None:
    _fill(old_engine)
    _migrate(old_engine, revision)
    before = _rows(old_engine, "backtests"), _rows(old_engine, "trades")
    upgrade(old_engine)
    upgraded = _rows(old_engine, "backtests"), _rows(old_engine, "trades")
    _migrate(old_engine, revision)
    assert (_rows(old_engine, "backtests"), _rows(old_engine, "trades")) == before
    upgrade(old_engine)
    assert (_rows(old_engine, "backtests"), _rows(old_engine, "trades")) == upgraded


@pytest.mark.parametrize("revision", EARLIER)
def test_a_downgrade_gives_back_the_schema_it_came_from(
    old_engine: sa.Engine, revision: str
) -> None:
    _migrate(old_engine, revision)
    before = _catalogue(old_engine)
    upgrade(old_engine)
    assert _catalogue(old_engine) != before
    _migrate(old_engine, revision)
    assert _catalogue(old_engine) == before


def test_rows_of_0002_had_no_seed(old_engine: sa.Engine) -> None:
    aapl, _ = _fill(old_engine)
    upgrade(old_engine)
    row = BacktestPersistenceManager(old_engine).get_backtest_by_id(aapl)
    assert row is not None
    assert row["seeds"] == {}


def _catalogue(engine: sa.Engine) -> set[tuple[str, str]]:
    """Return every column, constraint, view, index and default privilege with its definition."""
    queries = (
        """
        SELECT table_name || '.' || column_name,
            data_type || is_nullable || coalesce(column_default, '')
        FROM information_schema.columns WHERE table_schema = 'public'
        """,
        "SELECT conname, pg_get_constraintdef(oid) FROM pg_constraint WHERE contype <> 'n'",
        "SELECT viewname, definition FROM pg_views WHERE schemaname = 'public'",
        "SELECT indexname, indexdef FROM pg_indexes WHERE schemaname = 'public'",
        "SELECT defaclobjtype, defaclacl FROM pg_default_acl",
    )
    with engine.connect() as connection:
        return {
            (str(name), str(text))
            for query in queries
            for name, text in connection.execute(sa.text(query))
        }


@pytest.mark.parametrize(
    "strange",
    [{"direction": "short"}, *({"exit_reason": reason} for reason in EXIT_REASONS[2:])],
    ids=lambda strange: next(iter(strange.values())),
)
def test_a_downgrade_drops_the_backtests_that_it_could_only_misrepresent(
    engine: sa.Engine, strange: dict[str, Any]
) -> None:
    manager = BacktestPersistenceManager(engine)
    manager.save_backtest_result(result(), [trade(1), trade(2, **strange)])
    kept = manager.save_backtest_result(result(symbol="MSFT"), [trade(1)])
    _migrate(engine, "0001")
    assert [row["id"] for row in _rows(engine, "backtests")] == [kept]
    assert [row["backtest_id"] for row in _rows(engine, "trades")] == [kept]


@pytest.mark.parametrize(
    ("table", "change", "rule"),
    [
        (BACKTESTS, {"universe_alpha": float("nan")}, "ck_backtests_finite"),
        (BACKTESTS, {"sharpe_ratio": float("inf")}, "ck_backtests_finite"),
        (TRADES, {"direction": "sideways"}, "ck_trades_direction"),
        (TRADES, {"exit_reason": "boredom"}, "ck_trades_exit_reason"),
        (TRADES, {"exit_reason": "open"}, "ck_trades_open"),
        (TRADES, {"direction": None}, "direction"),
        (TRADES, {"exit_reason": None}, "exit_reason"),
    ],
)
def test_an_upgraded_database_refuses_what_a_new_one_refuses(
    old_engine: sa.Engine, table: sa.Table, change: dict[str, Any], rule: str
) -> None:
    aapl, _ = _fill(old_engine)
    upgrade(old_engine)
    own = table.c.id if table is BACKTESTS else table.c.backtest_id
    statement = sa.update(table).where(own == aapl).values(change)
    with pytest.raises(IntegrityError, match=rule), old_engine.begin() as connection:
        connection.execute(statement)
