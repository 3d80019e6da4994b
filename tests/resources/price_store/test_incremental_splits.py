"""The user's splits are in stored bars, whatever was stored before they were written down."""

from datetime import date
from fractions import Fraction

import polars as pl
import pytest

from resources.market_data.sources.synthetic import SyntheticSource
from resources.price_store.incremental import Fetcher
from resources.price_store.store import PriceStore
from resources.price_store.write_plan import WriteResult
from resources.splits import Splits
from tests.resources.market_data.sources.yahoo import BARS, yahoo_on
from tests.yahoo_server import YahooServer

START, MIDDLE, END = date(2021, 1, 1), date(2021, 6, 30), date(2021, 12, 31)
DAY = date(2021, 3, 1)
SPLIT = Splits({"AAPL": {DAY: Fraction(20)}})


class Stage:
    """Fetches and writes one symbol, as the asset does."""

    def __init__(self, yahoo: YahooServer, store: PriceStore) -> None:
        self.yahoo, self.store = yahoo, store
        self.fetcher = Fetcher(yahoo_on(yahoo), store)

    def run(self, splits: Splits, start: date = START, end: date = MIDDLE) -> WriteResult:
        self.fetcher = Fetcher(yahoo_on(self.yahoo), self.store, splits)
        fetched = self.fetcher.fetch("AAPL", (start, end))
        return self.store.write("yahoo", "AAPL", fetched.bars, fetched.requested, fetched.splits)

    def bars(self) -> pl.DataFrame:
        return self.store.read("yahoo", "AAPL")


@pytest.fixture
def stage(yahoo: YahooServer, tmp_path) -> Stage:
    return Stage(yahoo, PriceStore(root=str(tmp_path / "prices")))


def _adjusted(end: date, ratio: float = 20.0, day: date = DAY) -> pl.DataFrame:
    factor = pl.when(pl.col("date") < day).then(1 / ratio).otherwise(1.0)
    bars = BARS.filter(pl.col("date") <= end)
    return bars.with_columns(adjustment=pl.col("adjustment") * factor)


def test_the_factor_is_in_the_adjustment_alone(stage: Stage):
    assert stage.run(SPLIT).outcome == "created"
    assert stage.bars().equals(_adjusted(MIDDLE))


def test_later_fetches_still_are_of_new_bars_alone(stage: Stage):
    stage.run(SPLIT)
    assert stage.run(SPLIT, end=END).outcome == "extended"
    assert stage.fetcher.refetched == 0
    assert stage.bars().equals(_adjusted(END))
    late = Splits({"AAPL": {date(2021, 6, 24): Fraction(3)}})
    stage.run(late)
    assert stage.run(late).outcome == "unchanged"
    assert stage.fetcher.refetched == 0


@pytest.mark.parametrize("day", [DAY, date(2021, 6, 24), date(2022, 1, 3)])
def test_a_new_line_corrects_bars_stored_before_it(stage: Stage, day: date):
    stage.run(Splits(), end=END)
    # The window is at the end, and the split before the overlap, in it or after it.
    written = stage.run(Splits({"AAPL": {day: Fraction(20)}}), start=date(2021, 9, 1), end=END)
    assert written.outcome == "revised"
    assert stage.fetcher.refetched == 1
    assert stage.bars().equals(_adjusted(END, day=day))
    assert len(stage.store.revisions("yahoo", "AAPL")) == 1


@pytest.mark.parametrize("after", [Splits(), Splits({"AAPL": {DAY: Fraction(1)}})])
def test_a_removed_line_is_taken_out_of_stored_bars(stage: Stage, after: Splits):
    stage.run(SPLIT, end=END)
    assert stage.run(after, start=date(2021, 9, 1), end=END).outcome == "revised"
    assert stage.bars().equals(BARS.filter(pl.col("date") <= END))


def test_a_changed_ratio_replaces_the_old_one(stage: Stage):
    stage.run(SPLIT)
    stage.run(Splits({"AAPL": {DAY: Fraction(1, 8)}}))
    assert stage.bars().equals(_adjusted(MIDDLE, 1 / 8))


def test_a_line_of_a_real_move_changes_and_fetches_nothing(stage: Stage):
    stage.run(Splits())
    assert stage.run(Splits({"AAPL": {DAY: Fraction(1)}})).outcome == "unchanged"
    assert stage.fetcher.refetched == 0


def test_a_line_before_the_first_bar_is_settled_in_one_fetch(stage: Stage):
    early = Splits({"AAPL": {date(2020, 1, 2): Fraction(2)}})
    stage.run(Splits())
    assert stage.run(early).outcome == "unchanged"
    assert stage.run(early).outcome == "unchanged"
    assert stage.fetcher.refetched == 0


def test_a_local_source_keeps_no_bars_without_the_split(tmp_path):
    store = PriceStore(root=str(tmp_path))
    late = date(2021, 9, 1)
    for splits, start in ((Splits(), START), (SPLIT, late)):
        fetched = Fetcher(SyntheticSource(), store, splits).fetch("AAPL", (start, END))
        store.write("synthetic", "AAPL", fetched.bars, fetched.requested, fetched.splits)
    # The new window begins after the split and shows no difference to the bars before it.
    assert store.read("synthetic", "AAPL")["date"][0] == late
    (revision,) = store.revisions("synthetic", "AAPL")
    assert revision.first_changed == date(2021, 1, 4)
