"""The records of runs: profile, universe, failures and membership of results."""

from concurrent.futures import ThreadPoolExecutor
from datetime import date
from threading import Barrier

import pytest
import sqlalchemy as sa

from research.errors import InvalidResultError
from research.purpose import Purpose
from resources.result_store.frame_schemas import MEMBERS, TRADES_SCHEMA
from resources.result_store.manager import BacktestPersistenceManager
from resources.result_store.models import FailureRow, Run
from resources.universe import Listing, Universe
from tests.resources.result_store.rows import (
    count,
    failure,
    identifier,
    record_failures,
    record_run,
    result,
    results_frame,
    save,
)


def test_a_run_is_recorded_once_and_updated(manager: BacktestPersistenceManager) -> None:
    record_run(manager, run_user="ada")
    record_run(manager, run_user="ada", profile={"peak_mb": 512.5})
    with manager.engine.connect() as connection:
        stored = connection.execute(sa.select(sa.inspect(Run).local_table)).mappings().one()
    assert stored["profile"] == {"peak_mb": 512.5}
    assert stored["run_user"] == "ada"
    assert stored["updated_at"] > stored["started_at"]


def test_a_profile_with_nan_is_refused(manager: BacktestPersistenceManager) -> None:
    with pytest.raises(InvalidResultError, match="can't be stored as JSON"):
        record_run(manager, profile={"peak_mb": float("nan")})


def test_a_repeated_failure_is_updated(manager: BacktestPersistenceManager) -> None:
    assert record_failures(manager, "run-1", failure()) == 1
    assert record_failures(manager, "run-1", failure(strategy="rsi"), stage="backtests") == 1
    first = manager.get_failures("run-1")
    again = failure(message="again"), failure(message="last")
    assert record_failures(manager, "run-1", *again) == 1
    found = manager.get_failures("run-1")
    assert [(row["stage"], row["strategy"]) for row in found] == [
        ("backtests", "rsi"),
        ("prices", None),
    ]
    assert found[0] == first[0]
    assert found[1]["message"] == "last"
    assert found[1]["failed_at"] > first[1]["failed_at"]
    assert manager.get_failures("run-2") == []


def test_recording_no_failures_is_allowed(manager: BacktestPersistenceManager) -> None:
    assert record_failures(manager, "run-1") == 0
    assert count(manager, FailureRow) == 0


def test_any_failure_message_is_stored(manager: BacktestPersistenceManager) -> None:
    record_failures(manager, "run-1", failure(message="bad byte \0 in feed " + "x" * 10_000))
    message = manager.get_failures("run-1")[0]["message"]
    assert message.startswith("bad byte  in feed x")
    assert len(message) == 4000


UNIVERSE = Universe(
    (
        Listing("MSFT", "Technology", date(1986, 3, 13)),
        Listing("AAPL"),
        Listing("OLD", None, None, date(2019, 5, 1)),
    )
)


def test_the_universe_of_a_run_is_stored_in_order_with_dates(
    manager: BacktestPersistenceManager,
) -> None:
    for run in ("run-1", "run-2"):
        record_run(manager, run_id=run, universe=UNIVERSE)
        record_run(manager, run_id=run)  # a stage without the universe does not remove it
    assert manager.get_universe("run-2") == [
        {
            "symbol": one.symbol,
            "sector": one.sector,
            "listed_from": one.listed_from,
            "calendar": one.calendar,
            "listed_to": one.listed_to,
        }
        for one in UNIVERSE.listings
    ]
    assert manager.get_universe("run-3") == []
    with manager.engine.connect() as connection:
        count = connection.exec_driver_sql("SELECT count(*) FROM universe_members").scalar()
        assert count == 3
    record_run(manager, run_id="run-3", universe=Universe(UNIVERSE.listings[:1]))
    assert [row["symbol"] for row in manager.get_universe("run-3")] == ["MSFT"]


def test_concurrent_runs_store_the_same_universe_once(manager: BacktestPersistenceManager) -> None:
    runs, universe = 20, Universe(tuple(Listing(f"S{number:03}") for number in range(200)))
    start = Barrier(runs)

    def record(number: int) -> None:
        start.wait()
        record_run(manager, run_id=f"run-{number}", universe=universe)

    with ThreadPoolExecutor(runs) as pool:
        list(pool.map(record, range(runs)))
    for number in range(runs):
        symbols = [row["symbol"] for row in manager.get_universe(f"run-{number}")]
        assert symbols == list(universe.symbols)
    with manager.engine.connect() as connection:
        count = connection.exec_driver_sql("SELECT count(*) FROM universe_members").scalar()
    assert count == len(universe.listings)


def test_the_newest_profiles_of_a_stage_come_first(manager: BacktestPersistenceManager) -> None:
    for number in range(4):
        stage = "prices" if number == 2 else "backtests"
        record_run(manager, run_id=f"run-{number}", profile={stage: {"requested": number}})
    found = manager.get_stage_history("backtests", limit=2)
    assert [(row["run_id"], row["profile"]) for row in found] == [
        ("run-3", {"requested": 3}),
        ("run-1", {"requested": 1}),
    ]
    before = manager.get_stage_history("backtests", 1, until=found[1]["started_at"])
    assert [row["run_id"] for row in before] == ["run-1"]


def test_transient_failures_of_several_runs_are_returned(
    manager: BacktestPersistenceManager,
) -> None:
    record_failures(manager, "run-1", failure(transient=True), failure(symbol="IBM"))
    record_failures(manager, "run-2", failure(symbol="MSFT", transient=True))
    record_failures(manager, "run-3", failure(symbol="GOOG", transient=True))
    found = manager.get_transient_failures(["run-2", "run-1", "run-4"])
    assert [(row["run_id"], row["symbol"]) for row in found] == [
        ("run-1", "AAPL"),
        ("run-2", "MSFT"),
    ]
    assert manager.get_transient_failures([]) == []


def test_a_result_can_be_a_member_of_several_runs(manager: BacktestPersistenceManager) -> None:
    shared, own = result(run_id="run-1"), result(run_id="run-1", symbol="IBM")
    save(manager, shared, own, run_id="run-1")
    save(manager, cached=[identifier(shared)], run_id="run-2", purpose=Purpose.REQUEST)
    save(manager, {**shared, "run_id": "run-3"}, run_id="run-3")
    assert manager.get_backtests_by_run("run-1")["symbol"].to_list() == ["AAPL", "IBM"]
    assert manager.get_backtests_by_run("run-2")["symbol"].to_list() == ["AAPL"]
    assert manager.get_backtests_by_run("run-3")["run_id"].to_list() == ["run-3"]
    assert manager.get_backtests_by_run("").is_empty()


def test_a_run_can_have_several_parameter_sets_of_a_strategy(
    manager: BacktestPersistenceManager,
) -> None:
    points = [result(parameters={"fast_period": fast}) for fast in (5, 10, 15)]
    save(manager, *points, run_id="run-1", purpose=Purpose.SWEEP)
    found = manager.get_backtests_by_run("run-1")
    assert sorted(found["id"]) == sorted(map(identifier, points))


def test_a_result_that_is_not_stored_is_not_a_member(manager: BacktestPersistenceManager) -> None:
    stored, unknown = identifier(result()), identifier(result(symbol="IBM"))
    save(manager, result(), run_id="run-1")
    nothing = results_frame([]), TRADES_SCHEMA.to_frame()
    members = manager.save_backtests(
        *nothing, run_id="run-2", purpose=Purpose.SWEEP, cached=[unknown, stored]
    )
    assert members == 1
    assert manager.get_backtests_by_run("run-2")["id"].to_list() == [stored]


def test_a_result_saved_without_a_run_has_the_purpose_notebook(
    manager: BacktestPersistenceManager,
) -> None:
    manager.save_backtest(result(run_id=""))
    with manager.engine.connect() as connection:
        members = connection.execute(sa.select(MEMBERS)).mappings().all()
    assert [(row["run_id"], row["purpose"]) for row in members] == [("", "notebook")]
    assert manager.get_backtests_by_run("")["symbol"].to_list() == ["AAPL"]


def test_a_deleted_backtest_is_not_a_member(manager: BacktestPersistenceManager) -> None:
    save(manager, result())
    manager.delete_backtest(identifier(result()))
    assert count(manager, MEMBERS) == 0
