"""The migrations create the schema of the models once, also with concurrent upgrades."""

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from datetime import date
from pathlib import Path
from uuid import UUID

import numpy as np
import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy.exc import IntegrityError, ProgrammingError

import migrations
from research.purpose import Purpose
from resources.result_store.connection import create_engine_for, parse_url
from resources.result_store.errors import SchemaMismatchError
from resources.result_store.manager import BacktestPersistenceManager
from resources.result_store.models import Base
from resources.result_store.schema import ADVISORY_LOCK, HEAD_REVISION, VERSION_TABLE, upgrade
from resources.result_store.views import LATEST_BACKTESTS, LEADERBOARD, TRIALS
from tests.postgres import fresh_database
from tests.resources.result_store.leaderboards import save_leaderboard
from tests.resources.result_store.rows import result
from tests.resources.result_store.trials.ledger import curve, scope, trial

ROOT = Path(migrations.__file__).parents[1]


def _scripts() -> ScriptDirectory:
    config = Config()
    config.set_main_option("script_location", str(ROOT / "migrations"))
    return ScriptDirectory.from_config(config)


def _constraints(connection: sa.Connection) -> set[tuple[str, str]]:
    query = sa.text(
        "SELECT conname, pg_get_constraintdef(oid) FROM pg_constraint "
        "WHERE connamespace = current_schema()::regnamespace AND contype <> 'n'"
    )
    return {(name, definition) for name, definition in connection.execute(query)}


def test_the_migrated_schema_equals_the_models(engine: sa.Engine) -> None:
    options = {"version_table": VERSION_TABLE, "compare_server_default": True}
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts=options)
        assert compare_metadata(context, Base.metadata) == []


def test_the_migrated_constraints_equal_those_of_the_models(engine: sa.Engine) -> None:
    # Alembic compares neither check constraints nor whether a constraint is deferrable.
    with engine.connect() as connection:
        migrated = _constraints(connection)
        connection.execute(sa.text("CREATE SCHEMA from_models"))
        connection.execute(sa.text("SET LOCAL search_path TO from_models"))
        Base.metadata.create_all(connection)
        modelled = _constraints(connection)
    own = {item for item in migrated if not item[0].startswith(VERSION_TABLE)}
    assert own == modelled


@pytest.mark.parametrize(
    ("view", "query"),
    [("latest_backtests", LATEST_BACKTESTS), ("leaderboard", LEADERBOARD), ("trials", TRIALS)],
)
def test_the_migrated_views_equal_those_of_the_views_file(
    engine: sa.Engine, view: str, query: str
) -> None:
    definition = sa.text("SELECT pg_get_viewdef(cast(:view AS regclass))")
    with engine.connect() as connection:
        migrated = connection.execute(definition, {"view": view}).scalar()
        connection.execute(sa.text(f"CREATE TEMPORARY VIEW today AS {query}"))
        assert connection.execute(definition, {"view": "today"}).scalar() == migrated


def test_the_head_revision_is_the_newest_script() -> None:
    assert _scripts().get_heads() == [HEAD_REVISION]


def test_upgrading_an_upgraded_database_changes_nothing(engine: sa.Engine) -> None:
    catalogue = sa.text("SELECT xmin::text, relname FROM pg_class ORDER BY oid")
    with engine.connect() as connection:
        before = connection.execute(catalogue).all()
    upgrade(engine)
    with engine.connect() as connection:
        assert connection.execute(catalogue).all() == before


def test_threads_can_upgrade_several_databases_at_once(server: str) -> None:
    with ExitStack() as stack:
        urls = [stack.enter_context(fresh_database(server, migrated=False)) for _ in range(4)]
        engines = [create_engine_for(parse_url(url)) for url in urls]
        with ThreadPoolExecutor(len(engines)) as pool:
            list(pool.map(upgrade, engines))
        for engine in engines:
            views = set(sa.inspect(engine).get_view_names())
            assert views == {"latest_backtests", "leaderboard", "trials"}
            engine.dispose()


def test_an_upgrade_waits_for_a_running_one(bare_engine: sa.Engine) -> None:
    waiting = sa.text("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted")
    with ThreadPoolExecutor(1) as pool, bare_engine.connect() as other:
        other.execute(sa.select(sa.func.pg_advisory_xact_lock(ADVISORY_LOCK)))
        upgraded = pool.submit(upgrade, bare_engine)
        while not other.execute(waiting).scalar():
            assert not upgraded.done()
        other.rollback()
        upgraded.result()
    assert sa.inspect(bare_engine).has_table("backtests")


_UPGRADE = """
import logging, sys
logging.basicConfig(level=logging.INFO)
from resources.result_store.connection import create_engine_for, parse_url
from resources.result_store.schema import upgrade
upgrade(create_engine_for(parse_url(sys.argv[1])))
"""


def test_processes_can_upgrade_at_once_without_output(
    bare_database: str, bare_engine: sa.Engine, tmp_path: Path
) -> None:
    command = [sys.executable, "-c", _UPGRADE, bare_database]
    started = [
        # From another folder: the migrations are found by their package.
        subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        for _ in range(2)
    ]
    assert [process.communicate()[0] for process in started] == [b"", b""]
    assert [process.returncode for process in started] == [0, 0]
    assert sa.inspect(bare_engine).has_table("backtests")


def test_a_database_of_a_newer_version_is_refused(engine: sa.Engine) -> None:
    with engine.begin() as connection:
        connection.execute(sa.text(f"UPDATE {VERSION_TABLE} SET version_num = '9999'"))
    with pytest.raises(SchemaMismatchError, match=r"'9999'.*newer version of backtest-gauntlet"):
        upgrade(engine)


def test_a_failing_upgrade_is_rolled_back(bare_engine: sa.Engine) -> None:
    with bare_engine.begin() as connection:
        connection.execute(sa.text("CREATE TABLE failures (taken int)"))
    with pytest.raises(ProgrammingError, match="already exists"):
        upgrade(bare_engine)
    assert sa.inspect(bare_engine).get_table_names() == ["failures"]


def test_table_names_differ_from_those_of_dagsters_storage() -> None:
    from dagster._core.storage.event_log.schema import SqlEventLogStorageMetadata
    from dagster._core.storage.runs.schema import RunStorageSqlMetadata
    from dagster._core.storage.schedules.schema import ScheduleStorageSqlMetadata

    theirs = {"alembic_version"}
    for metadata in (
        SqlEventLogStorageMetadata,
        RunStorageSqlMetadata,
        ScheduleStorageSqlMetadata,
    ):
        theirs |= set(metadata.tables)
    assert theirs.isdisjoint({*Base.metadata.tables, VERSION_TABLE})


def test_the_command_line_of_alembic_works_for_developers(database: str, tmp_path: Path) -> None:
    alembic = Path(sys.executable).with_name("alembic")
    environment = {"DATABASE_URL": database, "PATH": ""}
    done = subprocess.run(
        [alembic, "-c", ROOT / "alembic.ini", "check"],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout.strip()) == (0, "No new upgrade operations detected.")


OLD_LEADERBOARD = {
    "run_id": "run-1",
    "purpose": "pipeline",
    "source": "synthetic",
    "start_date": date(2021, 1, 1),
    "end_date": date(2023, 12, 31),
    "scope": {
        "universe": ["A", "B", "C", "D"],
        "strategies": {"rsi": {}, "macd": {}},
        "settings": {"fees": 0.001},
    },
}


def _downgrade(database: str, revision: str) -> None:
    alembic = Path(sys.executable).with_name("alembic")
    subprocess.run(
        [alembic, "-c", ROOT / "alembic.ini", "downgrade", revision],
        env={"DATABASE_URL": database, "PATH": ""},
        capture_output=True,
        check=True,
    )


def test_an_upgrade_keeps_the_rows_of_the_first_revision(database: str, engine: sa.Engine) -> None:
    _downgrade(database, "0001")
    old = result()
    added = ("delayed_fills", "total_interest", "total_borrow_fees", "unfilled_orders")
    for name in added:
        del old[name]
    old["id"] = UUID(int=1)
    member = {"run_id": "run-1", "backtest_id": old["id"], "purpose": "pipeline"}
    member |= {name: old[name] for name in ("symbol", "strategy")}
    ranked = {"run_id": "run-1", "strategy": "rsi", "symbols": 3, "ranked_symbols": 3}
    rows = (
        ("backtests", old),
        ("run_backtests", member),
        ("leaderboards", OLD_LEADERBOARD),
        ("leaderboard_rows", ranked | {"stale_symbols": 0, "total_trades": 7}),
    )
    with engine.begin() as connection:
        for name, row in rows:
            table = sa.Table(name, sa.MetaData(), autoload_with=connection)
            connection.execute(table.insert().values(row))
    upgrade(engine)
    columns = ["covered_symbols", "universe_symbols", "fees", "strategy"]
    board = BacktestPersistenceManager(engine).get_leaderboard()
    assert board.select(columns).rows() == [(3, 4, 0.001, "rsi")]
    with engine.connect() as connection:
        # Of two strategies on four symbols, three results.
        assert connection.execute(sa.text("SELECT coverage FROM leaderboards")).scalar() == 3 / 8
    with engine.connect() as connection:
        latest = connection.execute(sa.text("SELECT * FROM latest_backtests")).mappings().one()
    assert {name: latest[name] for name in old} == old
    assert [latest[name] for name in added] == [None] * len(added)
    # The same backtest on another calendar is another row.
    manager = BacktestPersistenceManager(engine)
    manager.save_backtest(result(bars_per_year=365.0))
    assert len(manager.get_backtests_by_symbol("AAPL")) == 2


def test_a_downgrade_compares_what_ifs_with_nothing(database: str, engine: sa.Engine) -> None:
    manager = BacktestPersistenceManager(engine)
    save_leaderboard(manager, "run-1", {"rsi": 1.0})
    save_leaderboard(manager, "run-2", {"macd": 2.0}, purpose=Purpose.WHAT_IF)
    save_leaderboard(manager, "run-3", {"macd": 2.0}, coverage=0.5)
    _downgrade(database, "0002")
    with engine.connect() as connection:
        shown = connection.execute(sa.text("SELECT strategy FROM leaderboard")).scalars().all()
        what_ifs = sa.text("SELECT purpose FROM run_backtests WHERE run_id = 'run-2'")
        assert connection.execute(what_ifs).scalars().all() == ["notebook"]
    assert shown == ["rsi"]


def test_walk_forwards_are_averaged_over_their_tested_bars(
    database: str, engine: sa.Engine
) -> None:
    manager = BacktestPersistenceManager(engine)
    late = np.concatenate([np.zeros(4, np.float32), curve(1, days=6)])
    trials = (trial(0, residual=late), trial(1, residual=late, protocol="anchored"))
    manager.record_trials(scope(), trials, purpose=Purpose.SWEEP)

    def read() -> list[tuple[float, float]]:
        shown = manager.get_trials().sort("protocol", descending=True)
        return shown.select("residual_return", "residual_sharpe_ratio").rows()

    new = read()
    _downgrade(database, "0010")
    whole, walked = read()
    assert whole == new[0] == pytest.approx(walked)
    upgrade(engine)
    assert read() == [new[0], pytest.approx(new[1])]
    with pytest.raises(IntegrityError, match="append-only"), engine.begin() as connection:
        connection.execute(sa.text("DELETE FROM trial_records"))


def test_a_downgrade_leaves_only_the_version_table(database: str, engine: sa.Engine) -> None:
    _downgrade(database, "base")
    inspector = sa.inspect(engine)
    assert inspector.get_table_names() == [VERSION_TABLE]
    assert inspector.get_view_names() == []
    with engine.connect() as connection:
        left = "SELECT proname FROM pg_proc WHERE pronamespace = current_schema()::regnamespace"
        assert connection.exec_driver_sql(left).all() == []
