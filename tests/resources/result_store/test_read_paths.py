"""Every query finds its rows by an index: plans on 100,000 backtests.

The explained statements are those that the manager executes.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy import event

from resources.result_store.frame_schemas import BACKTESTS
from resources.result_store.manager import BacktestPersistenceManager
from tests.resources.result_store.leaderboards import scope
from tests.resources.result_store.rows import result, trade

SYMBOLS, STRATEGIES, VERSIONS = 110, 9, 101
SETTINGS = {"fees": 0.001}
SAVED = "timestamptz '2024-01-01 00:00Z' + make_interval(days => a_version, mins => a_symbol)"
SCANNED_NEVER = {"backtests", "trades", "run_backtests"}


def _fill(connection: sa.Connection, prototype: dict[str, Any]) -> None:
    """Copy one backtest to 99,990, with a trade each."""
    own = {
        "id": "gen_random_uuid()",
        "symbol": "'S' || lpad(a_symbol::text, 3, '0')",
        "strategy": "'strategy_' || a_strategy",
        "data_version": "'data-' || a_version",
        "run_id": "'run-' || a_version",
        "updated_at": SAVED,
        "created_at": SAVED,
        "sharpe_ratio": "sin(a_symbol * a_strategy + a_version)",
    }
    names = ", ".join(column.name for column in BACKTESTS.columns)
    values = ", ".join(own.get(c.name, f"prototype.{c.name}") for c in BACKTESTS.columns)
    connection.exec_driver_sql(
        f"INSERT INTO backtests ({names}) SELECT {values} FROM backtests AS prototype, "
        f"generate_series(1, {SYMBOLS}) AS a_symbol, "
        f"generate_series(1, {STRATEGIES}) AS a_strategy, "
        f"generate_series(1, {VERSIONS}) AS a_version"
    )
    connection.exec_driver_sql("DELETE FROM backtests WHERE symbol = 'AAPL'")
    connection.exec_driver_sql(
        "INSERT INTO run_backtests (run_id, backtest_id, purpose, symbol, strategy, saved_at) "
        "SELECT run_id, id, 'pipeline', symbol, strategy, updated_at FROM backtests"
    )
    columns = list(trade())
    quoted = ", ".join(f"%({name})s" for name in columns)
    connection.exec_driver_sql(
        f"INSERT INTO trades (backtest_id, {', '.join(columns)}) SELECT id, {quoted} "
        "FROM backtests",
        trade(),
    )


def _fill_runs(connection: sa.Connection) -> None:
    """Record 10,000 runs of 100 universes, with a failure each."""
    for statement in (
        """
        INSERT INTO universe_members (version, symbol, place)
        SELECT 'version-' || version, 'S' || place, place
        FROM generate_series(0, 99) AS version, generate_series(1, 110) AS place
        """,
        """
        INSERT INTO backtest_runs
            (run_id, purpose, source, start_date, end_date, profile, universe_members_version,
            started_at)
        SELECT 'recorded-' || n, 'pipeline', 'synthetic', '2021-01-01', '2023-12-31',
            '{"backtests": {}}', 'version-' || mod(n, 100),
            timestamptz '2023-01-01 00:00Z' + n * interval '1 hour'
        FROM generate_series(1, 10000) AS n
        """,
        """
        INSERT INTO failures
            (run_id, stage, symbol, error_class, message, source, start_date, end_date, failed_at)
        SELECT run_id, 'prices', 'S001', 'BadBarsError', '', source, start_date, end_date,
            started_at
        FROM backtest_runs
        """,
    ):
        connection.exec_driver_sql(statement)


@pytest.fixture(scope="module")
def filled(shared_manager: BacktestPersistenceManager) -> BacktestPersistenceManager:
    shared_manager.save_backtest(result(settings=SETTINGS))
    with shared_manager.engine.begin() as connection:
        _fill(connection, result())
        _fill_runs(connection)
    with shared_manager.engine.connect() as connection:
        fresh = connection.execution_options(isolation_level="AUTOCOMMIT")
        for table in (
            "backtests",
            "trades",
            "run_backtests",
            "backtest_runs",
            "universe_members",
            "failures",
        ):
            fresh.exec_driver_sql(f"VACUUM ANALYZE {table}")
        count = fresh.exec_driver_sql("SELECT count(*) FROM backtests").scalar()
        assert count == SYMBOLS * STRATEGIES * VERSIONS
    return shared_manager


@contextmanager
def _executed(engine: sa.Engine) -> Iterator[list[tuple[str, Any]]]:
    seen: list[tuple[str, Any]] = []

    def note(_c: object, _k: object, statement: str, parameters: Any, *_: object) -> None:
        seen.append((statement, parameters))

    event.listen(engine, "before_cursor_execute", note)
    yield seen
    event.remove(engine, "before_cursor_execute", note)


def _nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for part in plan.get("Plans", []):
        yield from _nodes(part)


def _plans(
    manager: BacktestPersistenceManager, ask: Callable[[BacktestPersistenceManager], Any]
) -> list[dict[str, Any]]:
    """Return the nodes of the plans of all statements that `ask` executes."""
    with _executed(manager.engine) as statements:
        assert ask(manager) is not None
    assert statements
    nodes = []
    with manager.engine.connect() as connection:
        for statement, parameters in statements:
            explained = connection.exec_driver_sql(f"EXPLAIN (FORMAT JSON) {statement}", parameters)
            nodes += _nodes(explained.scalar_one()[0]["Plan"])
    return nodes


@pytest.fixture(scope="module")
def one(filled: BacktestPersistenceManager) -> str:
    """Return the identifier of some backtest."""
    with filled.engine.connect() as connection:
        return str(connection.exec_driver_sql("SELECT id FROM backtests LIMIT 1").scalar())


SCOPE = scope("strategy_1", "strategy_2", universe=["S001", "S002"], settings=SETTINGS)

PATHS: dict[str, tuple[Callable[[BacktestPersistenceManager, str], Any], set[str]]] = {
    "one by its id, with trades": (
        lambda m, one: m.get_backtest_by_id(one),
        {"pk_backtests", "pk_trades"},
    ),
    "a symbol's": (
        lambda m, _: m.get_backtests_by_symbol("S007", limit=20),
        {"ix_backtests_symbol_newest"},
    ),
    "a strategy's": (
        lambda m, _: m.get_backtests_by_strategy("strategy_3", 20),
        {"ix_backtests_strategy"},
    ),
    "the best": (
        lambda m, _: m.get_best_performing_strategies(),
        {"ix_run_backtests_newest"},
    ),
    "a comparison": (
        lambda m, _: m.compare_strategies(),
        {"ix_run_backtests_newest", "ix_run_backtests_saved_at"},
    ),
    "a comparison on a symbol": (
        lambda m, _: m.compare_strategies(symbol="S007", strategies=["strategy_1"]),
        {"ix_run_backtests_newest"},
    ),
    "a day's summary": (
        lambda m, _: m.get_performance_summary(date(2024, 3, 1), date(2024, 3, 1)),
        {"ix_backtest_runs_started_at", "ix_run_backtests_saved_at", "pk_backtests"},
    ),
    "results to rank": (
        lambda m, _: m.get_ranked_backtests(SCOPE),
        {"ix_run_backtests_newest", "pk_backtests"},
    ),
    "a run": (lambda m, _: m.get_run("recorded-7"), {"pk_backtest_runs"}),
    "a stage's history": (
        lambda m, _: m.get_stage_history("backtests"),
        {"ix_backtest_runs_started_at"},
    ),
    "a run's universe": (
        lambda m, _: m.get_universe("recorded-7"),
        {"pk_backtest_runs", "pk_universe_members"},
    ),
    "a run's failures": (lambda m, _: m.get_failures("recorded-7"), {"uq_failures_attempt"}),
}


@pytest.mark.parametrize("path", PATHS)
def test_queries_use_an_index_and_scan_no_table(
    filled: BacktestPersistenceManager, one: str, path: str
) -> None:
    ask, indexes = PATHS[path]
    nodes = _plans(filled, lambda manager: ask(manager, one))
    scanned = {node["Relation Name"] for node in nodes if node["Node Type"] == "Seq Scan"}
    assert not scanned & SCANNED_NEVER
    used = {node["Index Name"] for node in nodes if "Index Name" in node}
    assert indexes <= used, used


# COPY cannot be explained; its query can.
@pytest.mark.parametrize(
    ("columns", "condition", "indexes"),
    [
        (
            "*",
            "id IN (SELECT backtest_id FROM run_backtests WHERE run_id = 'run-7')",
            {"pk_run_backtests"},
        ),
        (
            "*, (SELECT count(*) FROM trades WHERE backtest_id = id)",
            "id = ANY('{ONE}'::uuid[])",
            {"pk_backtests", "pk_trades"},
        ),
    ],
    ids=["by its run", "by its id"],
)
def test_copied_rows_are_found_by_an_index(
    filled: BacktestPersistenceManager, one: str, columns: str, condition: str, indexes: set[str]
) -> None:
    where = condition.replace("ONE", one)
    query = f"SELECT {columns} FROM backtests WHERE {where} ORDER BY strategy, symbol, id"
    with filled.engine.connect() as connection:
        plan = connection.exec_driver_sql(f"EXPLAIN (FORMAT JSON) {query}").scalar_one()
    assert indexes <= {node.get("Index Name") for node in _nodes(plan[0]["Plan"])}
    assert filled.get_backtests_by_run("run-7").height == SYMBOLS * STRATEGIES
    assert filled.get_backtests_by_ids([one]).height == 1


def test_latest_backtests_sorts_only_the_newest_rows(filled: BacktestPersistenceManager) -> None:
    query = "EXPLAIN (ANALYZE, FORMAT JSON) SELECT * FROM latest_backtests"
    with filled.engine.connect() as connection:
        plan = connection.exec_driver_sql(query).scalar_one()[0]["Plan"]
    nodes = list(_nodes(plan))
    scanned = {node["Relation Name"] for node in nodes if node["Node Type"] == "Seq Scan"}
    assert not scanned & SCANNED_NEVER
    sorts = [node["Actual Rows"] for node in nodes if "Sort" in node["Node Type"]]
    assert all(rows <= SYMBOLS * STRATEGIES for rows in sorts), sorts


@pytest.mark.parametrize("column", ["symbol", "strategy"])
def test_the_newest_rows_are_read_without_sorting(
    filled: BacktestPersistenceManager, column: str
) -> None:
    asked = {"symbol": "S007", "strategy": "strategy_3"}
    nodes = _plans(
        filled, lambda m: getattr(m, f"get_backtests_by_{column}")(asked[column], limit=20)
    )
    assert not [node for node in nodes if "Sort" in node["Node Type"]]
