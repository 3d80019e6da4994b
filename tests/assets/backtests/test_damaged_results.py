"""A stored result that is damaged or lost is computed again, and said to be: real runs."""

import shutil
from collections.abc import Callable
from pathlib import Path

import dagster as dg
import pytest
import sqlalchemy as sa

from resources.result_store.frame_schemas import BACKTESTS as ROWS
from resources.result_store.frame_schemas import TRADES
from tests.assets.backtests.ran import (
    OF_RUN,
    RANGE,
    SAVED,
    Ran,
    read_stored,
    run_backtests,
)
from tests.project import Project


def _flipped(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def _truncated(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-100])


def _of_another_part(path: Path) -> None:
    shutil.copy(path.with_name(path.name.replace("00001", "00000")), path)


@pytest.mark.parametrize(
    ("name", "spoil"),
    [
        ("results-00001.parquet", _flipped),
        ("trades-00001.parquet", _of_another_part),
        ("equity-00001.parquet", _truncated),
        ("manifest-00001.json", _truncated),
    ],
)
def test_a_damaged_file_warns_and_its_results_are_recomputed(
    project: Project, name: str, spoil: Callable[[Path], None]
):
    assert project.run(RANGE, selection=["prices"]).success
    first = run_backtests(project, batch_size=2)
    expected = first.rows.drop(OF_RUN)
    folder = Path(project.resource("backtest_files").root) / first.result.run_id
    spoil(folder / name)
    after = run_backtests(project, selection=SAVED, batch_size=2)
    assert (after.cached, after.computed) == ({"macd": 2, "rsi": 2}, {"macd": 1, "rsi": 1})
    assert after.rows.drop(OF_RUN).equals(expected)
    said = f"the files of part 1 of run {first.result.run_id} are not what was written: 2 results"
    assert any(said in line for line in after.logs)
    check = project.checks(after.result)["backtests/rsi", "cached_results_are_intact"]
    assert (check.passed, check.severity) == (False, dg.AssetCheckSeverity.WARN)
    assert check.metadata["measured"].value == 2
    assert run_backtests(project, batch_size=2).computed == {}


def _execute(project: Project, statement: sa.Executable) -> None:
    with project.manager.engine.begin() as connection:
        connection.execute(statement)


def _wrong_number(project: Project) -> None:
    """Change a stored metric of one symbol, in its last digit."""
    of_first = (ROWS.c.symbol == "S00") & (ROWS.c.strategy == "rsi")
    changed = ROWS.c.final_value * (1 + 2.3e-16)
    _execute(project, sa.update(ROWS).where(of_first).values(final_value=changed))


def _wrong_text(project: Project) -> None:
    """Change what is neither a metric nor a trade."""
    of_first = (ROWS.c.symbol == "S00") & (ROWS.c.strategy == "rsi")
    _execute(project, sa.update(ROWS).where(of_first).values(data_points=3))


def _wrong_trade(project: Project) -> None:
    """Change a stored trade of one symbol, in its last digit."""
    of_last = sa.select(ROWS.c.id).where((ROWS.c.symbol == "S02") & (ROWS.c.strategy == "rsi"))
    first = TRADES.c.backtest_id.in_(of_last) & (TRADES.c.trade_no == 1)
    changed = TRADES.c.size * (1 + 2.3e-16)
    _execute(project, sa.update(TRADES).where(first).values(size=changed))


def _lost_trade(project: Project) -> None:
    """Delete a stored trade of one symbol."""
    of_last = sa.select(ROWS.c.id).where((ROWS.c.symbol == "S02") & (ROWS.c.strategy == "rsi"))
    last = TRADES.c.backtest_id.in_(of_last) & (TRADES.c.trade_no == 1)
    _execute(project, sa.delete(TRADES).where(last))


@pytest.mark.parametrize(
    ("spoil", "warning"),
    [
        (_wrong_text, "1 stored results differ from what is computed"),
        (_wrong_number, "1 stored results are not what was computed: they are computed again"),
        (_wrong_trade, "1 stored results are not what was computed: they are computed again"),
        (_lost_trade, "1 stored results lack trades"),
    ],
)
def test_a_damaged_row_is_computed_again_and_replaced(
    cold: Ran, spoil: Callable[[Project], None], warning: str
):
    project, rows = cold.project, read_stored(cold.project)
    spoil(project)
    assert read_stored(project) != rows
    # One symbol of each batch is computed again: here all of them.
    after = run_backtests(project, selection=SAVED, batch_size=1)
    assert (after.cached, after.computed) == ({"macd": 3, "rsi": 2}, {"rsi": 1})
    assert any(warning in line for line in after.logs)
    assert not project.checks(after.result)["backtests/rsi", "cached_results_are_intact"].passed
    assert read_stored(project) == rows
    assert run_backtests(project).computed == {}


def test_a_deleted_row_is_computed_again(cold: Ran):
    rows = cold.project.manager.get_backtests_by_symbol("S01")
    (identifier,) = (row["id"] for row in rows if row["strategy"] == "rsi")
    assert cold.project.manager.delete_backtest(identifier)
    after = run_backtests(cold.project)
    assert (after.computed, after.counts.damaged) == ({"rsi": 1}, 0)


def test_results_without_files_are_computed_again(cold: Ran):
    folder = Path(cold.project.resource("backtest_files").root) / cold.result.run_id
    expected = cold.rows.drop(OF_RUN)
    shutil.rmtree(folder)
    after = run_backtests(cold.project)
    assert after.cached == {}
    assert after.counts.damaged == 0
    assert any("are gone: 6 results are computed again" in line for line in after.logs)
    assert after.rows.drop(OF_RUN).equals(expected)
