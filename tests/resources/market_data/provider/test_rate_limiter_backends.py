"""One rate for all processes, measured by a server that refuses by a sliding window."""

import multiprocessing
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from resources.market_data.provider.rate_limiter import MAX_LATE_SECONDS, RateLimiter, Slots
from resources.market_data.provider.rate_limiter_backends import DatabaseSlots, FileSlots
from resources.market_data.source import SourceUnavailableError
from resources.result_store.errors import DatabaseUnreachableError
from tests.resources.market_data.sources.yahoo import BARS, END, START, yahoo_on
from tests.yahoo_server import Listed, YahooServer

PROCESSES, SYMBOLS_EACH = 4, 15
# The difference is a margin for a busy machine; the benchmark has none.
LIMIT, RATE = 20, 14

Open = Callable[..., Slots]


def _open(place: str, provider: str = "yahoo") -> FileSlots | DatabaseSlots:
    """Return slots in the database of a URL, or in a folder."""
    return DatabaseSlots(place, provider) if "://" in place else FileSlots(Path(place, provider))


@pytest.fixture(params=["file", "database"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Return where slots are kept."""
    if request.param == "file":
        return str(tmp_path / "new" / "folder")
    return request.getfixturevalue("database")


@pytest.fixture
def open_slots(place: str) -> Iterator[Open]:
    """Lend a function that opens slots in that place."""
    opened = []

    def open_one(provider: str = "yahoo") -> Slots:
        opened.append(_open(place, provider))
        return opened[-1]

    yield open_one
    for one in opened:
        if isinstance(one, DatabaseSlots):
            one._engine.dispose()


def _fetch_many(url: str, place: str, ready: "threading.Barrier", number: int) -> int:
    """Fetch many symbols in a separate process; return how many were refused."""
    limiter = RateLimiter("yahoo", _open(place), RATE, patience_seconds=60)
    source = yahoo_on(url, acquire_slot=limiter.acquire)
    refused = 0
    ready.wait()
    for symbol in range(SYMBOLS_EACH):
        try:
            source.fetch(f"S{number}-{symbol}", START, END)
        except SourceUnavailableError:
            refused += 1
    return refused


def test_processes_that_share_slots_are_never_refused(yahoo: YahooServer, place: str):
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


def test_the_next_slot_is_one_space_later(open_slots: Open):
    slots = open_slots()
    assert slots.take(1000) == 0
    assert 990 < slots.take(1000) <= 1000


def test_one_of_many_threads_takes_the_slot(open_slots: Open):
    with ThreadPoolExecutor(6) as pool:
        several = list(pool.map(lambda _: open_slots(), range(6)))  # one of them creates the table
        waits = list(pool.map(lambda number: several[number % 6].take(1000), range(60)))
    assert waits.count(0) == 1


@pytest.mark.parametrize("late", [MAX_LATE_SECONDS / 2, 60])
def test_a_slot_taken_slightly_late_does_not_move_the_next(open_slots: Open, late: float):
    slots = open_slots()
    slots.pause(-late)  # before the first request: due since then
    assert slots.take(100) == 0
    moved = slots.take(100) - 100 + min(late, MAX_LATE_SECONDS)
    assert -10 < moved <= 1e-3


def test_a_shorter_pause_does_not_end_a_longer_one(open_slots: Open):
    slots, other = open_slots(), open_slots()
    slots.pause(60)
    other.pause(1)
    assert 50 < other.take(1) <= 60


def test_a_pause_ends(open_slots: Open):
    slots = open_slots()
    slots.pause(0.05)
    RateLimiter("yahoo", slots, 0.01, patience_seconds=60).acquire()
    assert slots.take(60) > 60


def test_providers_have_separate_slots(open_slots: Open):
    open_slots("yahoo").pause(60)
    assert open_slots("other").take(1) == 0


def test_an_unreachable_database_is_named_without_its_password():
    url = "postgresql://me:sesame@127.0.0.1:9/gauntlet"
    with pytest.raises(DatabaseUnreachableError, match="can't be reached") as refused:
        DatabaseSlots(url, "yahoo")
    assert "sesame" not in str(refused.value)
