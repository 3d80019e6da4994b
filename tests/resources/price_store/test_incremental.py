"""Only new bars are fetched, and a revision of stored bars is detected."""

from datetime import date, timedelta
from pathlib import Path

import polars as pl
import pytest

from resources.market_data.source import NoBarsError
from resources.market_data.sources.synthetic import SyntheticSource
from resources.price_store.incremental import OVERLAP_BARS, Fetcher
from resources.price_store.store import PriceStore
from resources.price_store.write_plan import WriteResult
from tests.resources.market_data.sources.yahoo import BARS, yahoo_on
from tests.yahoo_server import Listed, YahooServer

START, MIDDLE, END = date(2021, 1, 1), date(2021, 6, 30), date(2021, 12, 31)


@pytest.fixture
def store(tmp_path: Path) -> PriceStore:
    """Return an empty store."""
    return PriceStore(root=str(tmp_path / "prices"))


class Stage:
    """Fetches and writes one symbol, as the asset does."""

    def __init__(self, yahoo: YahooServer, store: PriceStore) -> None:
        self.yahoo = yahoo
        self.store = store
        self.fetcher = Fetcher(yahoo_on(yahoo), store)

    def run(self, start: date, end: date) -> WriteResult:
        self.fetcher = Fetcher(yahoo_on(self.yahoo), self.store)
        self.yahoo.queries.clear()
        fetched = self.fetcher.fetch("AAPL", (start, end))
        return self.store.write("yahoo", "AAPL", fetched.bars, fetched.requested)

    @property
    def asked_from(self) -> list[date]:
        """The first requested days; a query begins one day earlier because of time zones."""
        epoch = date(1970, 1, 1)
        days = [int(query["period1"]) // 86400 + 1 for query in self.yahoo.queries]
        return [epoch + timedelta(days=day) for day in days]

    def bars(self) -> pl.DataFrame:
        return self.store.read("yahoo", "AAPL")


@pytest.fixture
def stage(yahoo: YahooServer, store: PriceStore) -> Stage:
    """Return a stage that has fetched the first half of the year."""
    made = Stage(yahoo, store)
    made.run(START, MIDDLE)
    return made


def _stored(until: date) -> list[date]:
    return BARS.filter(pl.col("date") <= until)["date"].to_list()


def test_the_first_fetch_is_of_all_bars(yahoo: YahooServer, store: PriceStore):
    stage = Stage(yahoo, store)
    assert stage.run(START, MIDDLE).outcome == "created"
    assert stage.asked_from == [START]
    assert (stage.fetcher.requests, stage.fetcher.bars_saved) == (1, 0)


def test_later_fetches_are_of_new_bars_and_an_overlap(stage: Stage):
    assert stage.run(START, END).outcome == "extended"
    assert stage.asked_from == [_stored(MIDDLE)[-OVERLAP_BARS]]
    assert stage.bars().equals(BARS)
    assert (stage.fetcher.requests, stage.fetcher.refetched) == (1, 0)
    assert stage.fetcher.bars_saved == len(_stored(MIDDLE)) - OVERLAP_BARS
    assert stage.store.load("yahoo", "AAPL", START, END).equals(BARS)


def test_a_stored_window_fetches_only_the_overlap(stage: Stage):
    assert stage.run(START, MIDDLE).outcome == "unchanged"
    assert stage.asked_from == [_stored(MIDDLE)[-OVERLAP_BARS]]
    end = date(2021, 3, 31)
    assert stage.run(date(2021, 2, 1), end).outcome == "unchanged"
    assert stage.asked_from == [_stored(end)[-OVERLAP_BARS]]
    assert stage.bars()["date"].to_list() == _stored(MIDDLE)


def test_a_window_that_begins_earlier_is_fetched_completely(yahoo: YahooServer, store: PriceStore):
    stage = Stage(yahoo, store)
    stage.run(date(2021, 3, 1), MIDDLE)
    assert stage.run(START, MIDDLE).outcome == "extended"
    assert stage.asked_from == [START]
    assert stage.fetcher.bars_saved == 0


@pytest.mark.parametrize(
    "revised",
    [
        Listed(BARS, {date(2021, 9, 1): (4, 1)}),
        Listed(BARS, {}, {date(2021, 9, 1): 1.0}),
        Listed(BARS.with_columns(volume=pl.col("volume") + (pl.col("date") == date(2021, 6, 28)))),
        Listed(BARS.filter(pl.col("date") != date(2021, 6, 28))),
        Listed(BARS.filter(pl.col("date") != MIDDLE)),
    ],
    ids=["a split since", "a dividend since", "another volume", "a bar gone", "the last bar gone"],
)
def test_a_revised_history_is_fetched_completely(yahoo: YahooServer, stage: Stage, revised: Listed):
    yahoo.listed["AAPL"] = revised
    written = stage.run(date(2021, 2, 1), END)
    assert written.outcome == "revised"
    assert written.revision is not None
    assert stage.asked_from == [_stored(MIDDLE)[-OVERLAP_BARS], START]
    assert stage.bars().equals(yahoo_on(yahoo).fetch("AAPL", START, END))
    assert (stage.fetcher.requests, stage.fetcher.refetched) == (2, 1)
    assert stage.fetcher.bars_saved == 0


def test_withdrawn_bars_of_the_overlap_are_a_revision(yahoo: YahooServer, stage: Stage):
    yahoo.listed["AAPL"] = Listed(BARS.filter(pl.col("date") < date(2021, 6, 1)))
    assert stage.run(START, MIDDLE).outcome == "revised"
    assert stage.bars()["date"][-1] < date(2021, 6, 1)


def test_a_symbol_without_bars_now_fails_and_keeps_stored_bars(yahoo: YahooServer, stage: Stage):
    yahoo.listed["AAPL"] = Listed(BARS[:0])
    with pytest.raises(NoBarsError, match="AAPL"):
        stage.run(START, END)
    assert stage.bars()["date"].to_list() == _stored(MIDDLE)


def test_a_corrupt_file_is_fetched_completely(stage: Stage):
    path = Path(stage.store.path_of("yahoo", "AAPL"))
    path.write_bytes(path.read_bytes()[:-9])
    assert stage.run(START, END).outcome == "recovered"
    assert stage.asked_from == [START]


def test_a_local_source_is_always_fetched_completely(store: PriceStore):
    source = SyntheticSource()
    store.write("synthetic", "AAPL", BARS, (START, END))
    fetcher = Fetcher(source, store)
    assert fetcher.fetch("AAPL", (START, END)).bars.equals(BARS)
    assert (fetcher.requests, fetcher.bars_saved, fetcher.threads) == (1, 0, 1)
