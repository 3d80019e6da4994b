"""One budget for everybody: measured by a server that counts, and refuses, by a sliding window."""

import itertools
import multiprocessing
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import cast

import pytest

from resources.market_data.provider.rate_limiter import (
    USED,
    BudgetTakenError,
    SharedBudget,
    rate_of,
)
from resources.market_data.provider.rate_limiter_backends import (
    open_database_budget,
    open_file_budget,
)
from resources.market_data.source import SourceUnavailableError
from tests.resources.market_data.sources.yahoo import BARS, END, START, yahoo_on
from tests.yahoo_server import Listed, YahooServer

PROCESSES, SYMBOLS_EACH = 4, 15
# The rest is for a machine that is busy with other tests; the benchmark leaves none.
LIMIT, A_SECOND = 20, 16


def _budget(place: str, requests_per_second: float = 1000, patience: float = 60) -> SharedBudget:
    """Return a budget in the database of a URL, or in a folder."""
    if "://" in place:
        return open_database_budget(place, "yahoo", requests_per_second, patience)
    return open_file_budget(Path(place), "yahoo", requests_per_second, patience)


@pytest.fixture(params=["file", "database"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Return where a budget is kept."""
    if request.param == "file":
        return str(tmp_path)
    return request.getfixturevalue("database").replace("+psycopg", "")


@pytest.fixture
def budget(place: str) -> Iterator[SharedBudget]:
    """Lend a budget that is too large to wait for."""
    opened = _budget(place)
    yield opened
    opened.close()


def _fetch_many(url: str, place: str, ready: "threading.Barrier", number: int) -> int:
    """Fetch many symbols in a process of its own; return how many were refused."""
    budget = _budget(place, A_SECOND)
    source = yahoo_on(url, wait_for_turn=budget.wait_for_turn)
    refused = 0
    ready.wait()
    for symbol in range(SYMBOLS_EACH):
        try:
            source.fetch(f"S{number}-{symbol}", START, END)
        except SourceUnavailableError:
            refused += 1
    budget.close()
    return refused


def test_processes_that_share_a_budget_are_never_refused(yahoo: YahooServer, place: str):
    yahoo.limit = LIMIT
    for number in range(PROCESSES):
        for symbol in range(SYMBOLS_EACH):
            yahoo.listed[f"S{number}-{symbol}"] = Listed(BARS[:5])
    context = multiprocessing.get_context("spawn")
    with context.Manager() as manager, context.Pool(PROCESSES) as pool:
        ready = manager.Barrier(PROCESSES)
        jobs = [(yahoo.url, place, ready, number) for number in range(PROCESSES)]
        assert pool.starmap(_fetch_many, jobs, chunksize=1) == [0] * PROCESSES
    assert yahoo.refused == 0
    assert len(yahoo.asked) == len(set(yahoo.asked)) == PROCESSES * SYMBOLS_EACH


def _turns(budget: SharedBudget, count: int) -> list[int]:
    """Return the moments of so many turns, without waiting for them."""
    return [budget._reserve() for _ in range(count)]


@pytest.mark.parametrize("requests_per_second", [0.5, 2, 20, 300])
def test_in_no_second_are_there_more_turns_than_the_budget_and_nearly_as_many(
    place: str, requests_per_second: float
):
    budget = _budget(place, requests_per_second, patience=1e6)
    turns = _turns(budget, 40)
    budget.close()
    space = min(later - earlier for earlier, later in itertools.pairwise(turns))
    assert space >= 1000 / requests_per_second / USED
    assert space <= 1000 / requests_per_second / 0.75  # in whole milliseconds


def test_threads_and_openings_of_one_budget_share_it(place: str):
    several = [_budget(place) for _ in range(3)]
    with ThreadPoolExecutor(6) as pool:
        lists = pool.map(lambda number: _turns(several[number % 3], 20), range(6))
        turns = [turn for some in lists for turn in some]
    assert len(set(turns)) == len(turns) == 120
    for budget in several:
        budget.close()


def test_a_pause_is_for_all_and_also_for_who_has_a_turn_already(place: str):
    one, other = _budget(place), _budget(place)
    turn = one._reserve()
    assert not one._paused_after(turn)
    other.pause(30)
    assert one._paused_after(turn)
    after = one._reserve()
    assert after - turn >= 30_000
    assert not one._paused_after(after)
    one.close()
    other.close()


def test_a_shorter_pause_does_not_end_a_longer_one(budget: SharedBudget):
    begun = budget._reserve()
    budget.pause(30)
    budget.pause(1)
    assert budget._reserve() - begun >= 30_000


def test_a_turn_beyond_the_patience_is_not_taken(place: str):
    budget = _budget(place, patience=10)
    budget.pause(60)
    for _ in range(2):
        with pytest.raises(BudgetTakenError, match="The budget of 'yahoo' is taken for the next"):
            budget.wait_for_turn()
    budget.close()


def test_turns_that_have_passed_are_forgotten(budget: SharedBudget):
    for _ in range(20):
        budget.wait_for_turn()
    assert cast("int", budget._bucket.count()) <= 3


def test_who_wakes_up_too_late_takes_another_turn(budget: SharedBudget):
    taken: list[int] = []
    reserve = budget._reserve

    def late() -> int:
        taken.append(reserve() - (1000 if not taken else 0))
        return taken[-1]

    budget._reserve = late
    budget.wait_for_turn()
    assert len(taken) >= 2


def test_providers_have_budgets_of_their_own(tmp_path: Path):
    yahoo = open_file_budget(tmp_path, "yahoo", 1, 10)
    other = open_file_budget(tmp_path, "other", 1, 10)
    yahoo.pause(60)
    other.wait_for_turn()
    yahoo.close()
    other.close()


def test_a_database_out_of_reach_is_told_without_its_password(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(
        "resources.market_data.provider.rate_limiter_backends._CONNECT_SECONDS", 0.3
    )
    url = "postgresql://me:sesame@127.0.0.1:9/gauntlet"
    with pytest.raises(SourceUnavailableError, match="can't be reached") as refused:
        open_database_budget(url, "yahoo", 1, 1)
    assert "sesame" not in str(refused.value)


def test_a_rate_below_one_a_second_is_a_longer_space():
    assert rate_of(0.1).interval == 10_752
