"""The commands of docs/operations.md back up and restore everything."""

import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import polars as pl
import psycopg
import pytest
from psycopg import sql

from resources.price_store.store import PriceStore
from resources.result_store.connection import create_engine_for, parse_url
from resources.result_store.embedded import data_folder, start_embedded
from resources.result_store.embedded.programs import find_programs
from resources.result_store.manager import BacktestPersistenceManager
from resources.result_store.models import Base
from resources.result_store.schema import HEAD_REVISION, VERSION_TABLE, upgrade
from resources.run_artifacts.backtest_files import BacktestFiles
from tests.postgres import fresh_database, stop_server
from tests.project import SYMBOLS, Project

TEXT = (Path(__file__).resolve().parents[2] / "docs/operations.md").read_text()
TABLES = [*sorted(Base.metadata.tables), VERSION_TABLE, "latest_backtests"]
FEW = SYMBOLS[:4]


@pytest.fixture
def elsewhere() -> Iterator[Path]:
    """Lend an empty folder, in place of another machine."""
    folder = Path(tempfile.mkdtemp(prefix="gauntlet-restored-"))
    yield folder
    shutil.rmtree(folder)


def _commands(heading: str) -> str:
    """Return the first commands under a heading."""
    section = TEXT.split(f"\n## {heading}\n")[1]
    (block,) = re.findall(r"```sh\n(.*?)```", section, re.DOTALL)[:1]
    return block


def _run(heading: str, folder: Path, database: str, home: Path) -> None:
    url = database.replace("postgresql+psycopg://", "postgresql://")
    given = {"DATABASE_URL": url, "GAUNTLET_HOME": str(home)}
    given["PATH"] = f"{find_programs()}:{os.environ['PATH']}"
    done = subprocess.run(
        ["sh", "-eu", "-c", _commands(heading)],
        cwd=folder,
        env=os.environ | given,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def _rows(database: str) -> dict[str, list[str]]:
    """Return every table and view as text, in an order that does not depend on the disk."""
    conninfo = database.replace("postgresql+psycopg://", "postgresql://")
    with psycopg.connect(conninfo) as connection:
        read = {
            name: connection.execute(
                sql.SQL("SELECT row::text FROM {} AS row ORDER BY 1").format(sql.Identifier(name))
            ).fetchall()
            for name in TABLES
        }
    return {name: [text for (text,) in rows] for name, rows in read.items()}


def _leaderboard(database: str) -> pl.DataFrame:
    engine = create_engine_for(parse_url(database))
    try:
        return BacktestPersistenceManager(engine).get_leaderboard()
    finally:
        engine.dispose()


def test_a_backup_restores_rows_leaderboard_bars_and_curves(
    project: Project, database: str, elsewhere: Path
):
    result = project.run((FEW[0], FEW[-1]))
    assert result.success, project.why(result)
    home = project.folder / "home"
    before = _rows(database)
    assert len(before["backtests"]) == 2 * len(FEW)
    _run("Back up", elsewhere, database, home)

    server = start_embedded(elsewhere / "machine").render_as_string(hide_password=False)
    try:
        with fresh_database(server, migrated=False) as restored:
            _run("Restore", elsewhere, restored, elsewhere / "home")
            assert _rows(restored) == before
            assert _leaderboard(restored).equals(_leaderboard(database))
            _require_working_schema(restored)
    finally:
        stop_server(elsewhere / "machine")

    here, there = (PriceStore(root=str(place / "prices")) for place in (home, elsewhere / "home"))
    assert there.symbols("files") == set(FEW)
    for symbol in FEW:
        assert there.read("files", symbol).equals(here.read("files", symbol))
    curves = [BacktestFiles(root=str(place / "backtests")) for place in (home, elsewhere / "home")]
    kept, found = (list(files.equity_parts([(result.run_id, 0)])) for files in curves)
    assert found[0].height > 0
    assert found[0].equals(kept[0])


def _require_working_schema(database: str) -> None:
    """Require that the restored schema is the newest, and that dashboards can read it."""
    engine = create_engine_for(parse_url(database))
    upgrade(engine)
    with engine.begin() as connection:
        found = connection.exec_driver_sql(f"SELECT version_num FROM {VERSION_TABLE}").scalar()
        assert found == HEAD_REVISION
        connection.exec_driver_sql("SET LOCAL ROLE gauntlet_reader")
        connection.exec_driver_sql("SELECT * FROM leaderboard")
    engine.dispose()


def test_a_copied_data_folder_is_a_backup(elsewhere: Path):
    first, copy = elsewhere / "data", elsewhere / "copy"
    engine = create_engine_for(start_embedded(first))
    upgrade(engine)
    with engine.begin() as connection:
        connection.exec_driver_sql("CREATE TABLE kept AS SELECT 7 AS number")
    engine.dispose()
    stop_server(first)
    subprocess.run(["cp", "-a", str(first), str(copy)], check=True)
    assert data_folder(copy).is_dir()
    engine = create_engine_for(start_embedded(copy))
    with engine.connect() as connection:
        assert connection.exec_driver_sql("SELECT number FROM kept").scalar() == 7
    engine.dispose()
    stop_server(copy)
