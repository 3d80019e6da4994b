"""A disk that is full while rows are written: a one-line error, and no partial save."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from resources.result_store.errors import DatabaseFullError
from resources.result_store.manager import BacktestPersistenceManager
from tests.resources.result_store.rows import identifier, result, results_frame, trade, trades_frame

ROWS = [result(symbol=f"S{number:04}") for number in range(600)]
RESULTS = results_frame(ROWS)
TRADES = trades_frame(*((identifier(row), trade(n)) for row in ROWS for n in range(1, 40)))


@pytest.fixture
def small_disk() -> Iterator[Path]:
    """Lend a disk of 3 MB that belongs to the server's user."""
    folder = Path(tempfile.mkdtemp(prefix="gauntlet-small-disk-"))
    mount = ["mount", "-t", "tmpfs", "-o", "size=3m,mode=0777", "tmpfs", str(folder)]
    if os.geteuid() != 0 or subprocess.run(mount, capture_output=True, check=False).returncode:
        shutil.rmtree(folder)
        pytest.skip("a small disk can be mounted by root only")
    try:
        space = folder / "space"
        space.mkdir()
        shutil.chown(space, "pgserver")
        yield space
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)
        shutil.rmtree(folder)


def _outside_of_a_transaction(engine: sa.Engine, statement: str) -> None:
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.exec_driver_sql(statement)


@pytest.fixture
def crowded(engine: sa.Engine, small_disk: Path) -> Iterator[sa.Engine]:
    """Lend an engine on a database whose trades lie on the small disk."""
    space = f"small_{engine.url.database}"
    _outside_of_a_transaction(engine, f"CREATE TABLESPACE {space} LOCATION '{small_disk}'")
    for table in ("trades",):
        _outside_of_a_transaction(engine, f"ALTER TABLE {table} SET TABLESPACE {space}")
    yield engine
    _outside_of_a_transaction(engine, "DROP TABLE trades CASCADE")
    _outside_of_a_transaction(engine, "CHECKPOINT")
    _outside_of_a_transaction(engine, f"DROP TABLESPACE {space}")


def _count(engine: sa.Engine, table: str) -> int:
    with engine.connect() as connection:
        return connection.execute(sa.text(f"SELECT count(*) FROM {table}")).scalar_one()


def test_a_full_disk_is_a_one_line_error_and_saves_nothing(
    crowded: sa.Engine, small_disk: Path
) -> None:
    manager = BacktestPersistenceManager(crowded)
    few = RESULTS.head(2)
    kept = TRADES.filter(TRADES["backtest_id"].is_in(few["id"].to_list()))
    manager.save_backtests(few, kept)
    with pytest.raises(DatabaseFullError, match="has no space left: could not extend file") as full:
        manager.save_backtests(RESULTS, TRADES)
    assert "\n" not in str(full.value)
    assert "free some space" in str(full.value)
    assert (_count(crowded, "backtests"), _count(crowded, "trades")) == (2, kept.height)
    subprocess.run(["mount", "-o", "remount,size=64m", str(small_disk.parent)], check=True)
    assert manager.save_backtests(RESULTS, TRADES) == len(ROWS)
    assert _count(crowded, "trades") == TRADES.height
