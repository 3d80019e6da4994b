"""The public views: the latest results of the pipeline, and its newest leaderboard."""

from typing import Any

import polars as pl
import pytest
import sqlalchemy as sa

from research.purpose import Purpose
from research.ranking import LEADERBOARD_SCHEMA, RANKING_SCHEMA
from resources.result_store.frame_schemas import BACKTESTS
from resources.result_store.manager import BacktestPersistenceManager
from tests.resources.result_store.leaderboards import save_leaderboard
from tests.resources.result_store.rows import identifier, result, save


def _latest(manager: BacktestPersistenceManager, *columns: str) -> list[tuple[Any, ...]]:
    query = sa.text(f"SELECT {', '.join(columns)} FROM latest_backtests ORDER BY 1, 2")
    with manager.engine.connect() as connection:
        return [tuple(row) for row in connection.execute(query)]


def test_views_have_the_columns_of_backtests_and_leaderboards(
    manager: BacktestPersistenceManager,
) -> None:
    columns = sa.inspect(manager.engine).get_columns("latest_backtests")
    assert sorted(column["name"] for column in columns) == sorted(BACKTESTS.columns.keys())
    columns = sa.inspect(manager.engine).get_columns("leaderboard")
    assert [column["name"] for column in columns] == list(LEADERBOARD_SCHEMA)


def test_latest_backtests_has_newest_rows_by_symbol_and_strategy(
    manager: BacktestPersistenceManager,
) -> None:
    save(manager, result(), result(symbol="MSFT"), result(strategy="rsi"))
    save(manager, result(code_version="code-2"), run_id="run-2")
    assert _latest(manager, "symbol", "strategy", "code_version") == [
        ("AAPL", "rsi", "code-1"),
        ("AAPL", "sma_cross", "code-2"),
        ("MSFT", "sma_cross", "code-1"),
    ]


@pytest.mark.parametrize("purpose", [one for one in Purpose if one is not Purpose.PIPELINE])
def test_only_results_of_pipeline_runs_are_latest(
    manager: BacktestPersistenceManager, purpose: Purpose
) -> None:
    save(manager, result(), result(symbol="MSFT"))
    asked = result(settings={"fees": 0.0}, run_id="run-2"), result(symbol="IBM", run_id="run-2")
    save(manager, *asked, run_id="run-2", purpose=purpose)
    assert _latest(manager, "symbol", "run_id") == [("AAPL", "run-1"), ("MSFT", "run-1")]


def test_a_cached_result_of_the_newest_run_is_latest(manager: BacktestPersistenceManager) -> None:
    save(manager, result())
    save(manager, result(code_version="code-2"), run_id="run-2")
    save(manager, cached=[identifier(result())], run_id="run-3")
    assert _latest(manager, "code_version", "run_id") == [("code-1", "run-1")]


def test_the_leaderboard_view_is_the_newest_leaderboard(
    manager: BacktestPersistenceManager,
) -> None:
    save_leaderboard(manager, "run-2", {"rsi": 1.0})
    board = save_leaderboard(manager, "run-1", {"macd": 2.0, "rsi": 1.0, "seldom": None})
    save_leaderboard(manager, "sweep", {"rsi": 9.0}, purpose=Purpose.SWEEP)
    save_leaderboard(manager, "what-if", {"rsi": 9.0}, purpose=Purpose.WHAT_IF)
    save_leaderboard(manager, "part", {"rsi": 9.0}, coverage=0.5)
    with manager.engine.connect() as connection:
        rows = connection.execute(sa.text("SELECT * FROM leaderboard")).mappings().all()
    shown = pl.DataFrame([dict(row) for row in rows], schema=LEADERBOARD_SCHEMA)
    assert shown.select(RANKING_SCHEMA.names()).equals(board)
    assert manager.get_leaderboard().equals(shown)
