"""Every run has one of the known purposes: the database itself refuses others."""

from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from research.purpose import Purpose
from resources.result_store.errors import InvalidArgumentError
from resources.result_store.frame_schemas import MEMBERS, TRADES_SCHEMA
from resources.result_store.manager import BacktestPersistenceManager
from resources.result_store.models import Leaderboard, Run
from tests.resources.result_store.leaderboards import save_leaderboard
from tests.resources.result_store.rows import count, record_run, result, results_frame


@pytest.fixture
def filled(manager: BacktestPersistenceManager) -> BacktestPersistenceManager:
    record_run(manager)
    save_leaderboard(manager, "run-1", {"rsi": 1.0})
    return manager


@pytest.mark.parametrize("table", ["run_backtests", "backtest_runs", "leaderboards"])
def test_the_database_refuses_an_unknown_purpose(
    filled: BacktestPersistenceManager, table: str
) -> None:
    change = sa.text(f"UPDATE {table} SET purpose = 'fun'")
    with pytest.raises(IntegrityError, match=f"ck_{table}_purpose"), filled.engine.begin() as begun:
        begun.execute(change)
    for model in (MEMBERS, Run, Leaderboard):
        assert count(filled, model) == 1


def test_the_database_refuses_a_pipeline_result_without_a_run(
    filled: BacktestPersistenceManager,
) -> None:
    change = sa.update(MEMBERS).values(run_id="")
    with pytest.raises(IntegrityError, match="no_run"), filled.engine.begin() as begun:
        begun.execute(change)


@pytest.mark.parametrize(
    ("run_id", "purpose", "allowed"),
    [
        ("run-1", "fun", ", ".join(Purpose)),
        ("run-1", None, ", ".join(Purpose)),
        ("", Purpose.PIPELINE, "notebook"),
    ],
)
def test_a_purpose_is_refused_with_those_allowed(
    manager: BacktestPersistenceManager, run_id: str, purpose: Any, allowed: str
) -> None:
    frames = results_frame([result()]), TRADES_SCHEMA.to_frame()
    with pytest.raises(InvalidArgumentError, match=f"allowed: {allowed}"):
        manager.save_backtests(*frames, run_id=run_id, purpose=purpose)
    assert count(manager, MEMBERS) == 0
