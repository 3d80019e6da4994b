"""The records of the stages of a run, in a real PostgreSQL."""

from collections.abc import Iterator
from datetime import date
from pathlib import Path
from uuid import uuid4

import dagster as dg
import pytest

from engine.failure import Failure
from engine.settings import Window
from research.audit.stage_profile import BacktestsProfile, PricesProfile
from research.errors import InvalidResultError
from resources.result_store.resource import ResultStore
from resources.result_store.run_records import RunRecords, read_profile
from tests.profiles import backtests_profile, prices_profile

WINDOW = Window(date(2021, 1, 1), date(2023, 12, 31))
PRICES = prices_profile()
BACKTESTS = backtests_profile()
BAD_BARS = Failure("AAPL", "BadBarsError", "AAPL 2021-03-01: high below low")


@pytest.fixture
def store(database: str, tmp_path: Path) -> Iterator[ResultStore]:
    store = ResultStore(database_url=database, home=str(tmp_path))
    yield store
    store.manager().engine.dispose()


@pytest.fixture
def records(store: ResultStore) -> RunRecords:
    return RunRecords(store, "synthetic", WINDOW)


def _run(**tags: str) -> dg.DagsterRun:
    return dg.DagsterRun(job_name="everything", run_id=str(uuid4()), tags=tags)


def test_each_stage_of_a_run_has_its_profile(records: RunRecords, store: ResultStore):
    run = _run(user="ada")
    records.record(run, "prices", PRICES, [])
    records.record(run, "backtests", BACKTESTS, [])
    assert read_profile(store, run.run_id, "prices", PricesProfile) == PRICES
    assert read_profile(store, run.run_id, "backtests", BacktestsProfile) == BACKTESTS
    recorded = store.manager().get_run(run.run_id)
    assert recorded is not None
    assert recorded["profile"] == {"prices": PRICES.to_json(), "backtests": BACKTESTS.to_json()}
    assert (recorded["run_user"], recorded["source"]) == ("ada", "synthetic")
    assert (recorded["start_date"], recorded["end_date"]) == (WINDOW.start, WINDOW.end)


def test_a_repeated_stage_replaces_only_its_own_profile(records: RunRecords, store: ResultStore):
    run = _run()
    records.record(run, "prices", PRICES, [])
    records.record(run, "backtests", backtests_profile(succeeded=0), [])
    records.record(run, "backtests", BACKTESTS, [])
    assert read_profile(store, run.run_id, "backtests", BacktestsProfile) == BACKTESTS
    assert read_profile(store, run.run_id, "prices", PricesProfile) == PRICES


def test_runs_are_separate(records: RunRecords, store: ResultStore):
    first, second = _run(), _run()
    records.record(first, "prices", PRICES, [BAD_BARS])
    records.record(second, "backtests", BACKTESTS, [])
    assert read_profile(store, second.run_id, "prices", PricesProfile) is None
    assert store.manager().get_failures(second.run_id) == []


def test_an_unknown_run_or_stage_has_no_profile(records: RunRecords, store: ResultStore):
    run = _run()
    assert read_profile(store, run.run_id, "prices", PricesProfile) is None
    records.record(run, "prices", PRICES, [])
    assert read_profile(store, run.run_id, "backtests", BacktestsProfile) is None


def test_a_stage_that_has_begun_is_recorded_without_profile(
    records: RunRecords, store: ResultStore
):
    run = _run()
    records.record(run, "prices", None, [])
    recorded = store.manager().get_run(run.run_id)
    assert recorded is not None
    assert recorded["profile"] == {"prices": {}}
    assert read_profile(store, run.run_id, "prices", PricesProfile) is None


def test_failures_are_recorded_with_what_was_attempted(records: RunRecords, store: ResultStore):
    run = _run()
    no_prices = Failure("IBM", "UnusableBarsError", "IBM has no bars", "rsi")
    records.record(run, "prices", PRICES, [BAD_BARS])
    records.record(run, "backtests", BACKTESTS, [no_prices])
    shown = ["stage", "symbol", "strategy", "error_class", "message"]
    attempted = ["source", "start_date", "end_date"]
    found = store.manager().get_failures(run.run_id)
    assert [[row[name] for name in shown] for row in found] == [
        ["backtests", "IBM", "rsi", "UnusableBarsError", "IBM has no bars"],
        ["prices", "AAPL", None, "BadBarsError", "AAPL 2021-03-01: high below low"],
    ]
    for row in found:
        assert [row[name] for name in attempted] == ["synthetic", WINDOW.start, WINDOW.end]


def test_a_repeated_failure_of_a_stage_is_one_failure(records: RunRecords, store: ResultStore):
    run = _run()
    for _ in range(2):
        records.record(run, "prices", PRICES, [BAD_BARS, BAD_BARS])
    assert len(store.manager().get_failures(run.run_id)) == 1


def test_a_profile_that_is_not_valid_json_is_refused(records: RunRecords, store: ResultStore):
    run = _run()
    with pytest.raises(InvalidResultError, match="can't be stored as JSON"):
        records.record(run, "prices", prices_profile(wall_seconds=float("nan")), [BAD_BARS])
    assert read_profile(store, run.run_id, "prices", PricesProfile) is None
