"""Reads by many identifiers at once, and of runs."""

from datetime import UTC, datetime
from uuid import UUID, uuid4

import pytest

from resources.result_store.frame_schemas import STORED_SCHEMA, TRADES_SCHEMA
from resources.result_store.manager import BacktestPersistenceManager
from tests.resources.result_store.rows import (
    ATTEMPTED,
    identifier,
    record_run,
    result,
    results_frame,
    trade,
    trades_frame,
)

ROWS = [result(symbol=symbol) for symbol in ("AAPL", "IBM", "MSFT")]
AAPL, IBM, MSFT = (identifier(row) for row in ROWS)


@pytest.fixture
def filled(manager: BacktestPersistenceManager) -> BacktestPersistenceManager:
    trades = trades_frame((AAPL, trade(1)), (AAPL, trade(2)), (MSFT, trade(1)))
    manager.save_backtests(results_frame(ROWS), trades)
    return manager


def test_backtests_of_ids_are_returned_once_ordered_by_symbol(
    filled: BacktestPersistenceManager,
) -> None:
    found = filled.get_backtests_by_ids([MSFT, AAPL, MSFT])
    assert found["id"].to_list() == [AAPL, MSFT]
    assert found.schema == STORED_SCHEMA


def test_ids_may_be_uuids_from_a_generator(filled: BacktestPersistenceManager) -> None:
    assert filled.get_backtests_by_ids(UUID(text) for text in [IBM])["id"].to_list() == [IBM]


@pytest.mark.parametrize("alone", [AAPL, UUID(AAPL)])
def test_a_single_id_is_accepted(filled: BacktestPersistenceManager, alone: UUID | str) -> None:
    # A text is also a sequence, whose letters are not ids.
    assert filled.get_backtests_by_ids(alone)["id"].to_list() == [AAPL]


@pytest.mark.parametrize("unknown", [[str(uuid4())], ["no-uuid", ""], ["'; DROP TABLE trades"], []])
def test_unknown_ids_are_left_out(filled: BacktestPersistenceManager, unknown: list[str]) -> None:
    nothing = filled.get_backtests_by_ids(unknown)
    assert nothing.is_empty()
    assert nothing.schema == STORED_SCHEMA
    assert filled.get_backtests_by_ids([*unknown, IBM])["id"].to_list() == [IBM]


def test_the_stored_trades_of_each_backtest_are_counted(filled: BacktestPersistenceManager) -> None:
    found = filled.get_backtests_by_ids([AAPL, IBM, MSFT])
    assert dict(found.select("id", "stored_trades").iter_rows()) == {AAPL: 2, IBM: 0, MSFT: 1}


def test_many_ids_are_read_at_once(manager: BacktestPersistenceManager) -> None:
    frame = results_frame([result(symbol=f"S{number:04}") for number in range(1000)])
    trades = trades_frame(*((text, trade()) for text in frame["id"]))
    manager.save_backtests(frame, trades)
    asked = [*frame["id"], *(str(uuid4()) for _ in range(1000))]
    found = manager.get_backtests_by_ids(asked)
    assert found["symbol"].to_list() == frame["symbol"].to_list()
    assert found["stored_trades"].sum() == 1000


def test_a_run_is_read_as_it_was_recorded(manager: BacktestPersistenceManager) -> None:
    record_run(manager, profile={"prices": {"requested": 3}})
    found = manager.get_run("run-1")
    assert found is not None
    assert found.pop("started_at") == found.pop("updated_at") <= datetime.now(UTC)
    assert found == {
        "run_id": "run-1",
        "purpose": "pipeline",
        "run_user": None,
        **ATTEMPTED,
        "profile": {"prices": {"requested": 3}},
        "universe_members_version": None,
    }


@pytest.mark.parametrize("unknown", ["run-2", "", "run"])
def test_an_unrecorded_run_is_none(
    shared_manager: BacktestPersistenceManager, unknown: str
) -> None:
    shared_manager.save_backtests(results_frame([result()]), TRADES_SCHEMA.to_frame())
    assert shared_manager.get_run(unknown) is None
