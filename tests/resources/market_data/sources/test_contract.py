"""The contract of every source of bars.

A new source is added by one function that lends it. It lists `SYMBOL` on the sessions of `DAYS`,
and has no earlier bars.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path

import polars as pl
import pytest

from resources.market_data.bars import SCHEMA, data_version, validate_bars
from resources.market_data.source import (
    SOURCES,
    MarketDataError,
    NoBarsError,
    PriceSource,
    UnknownSymbolError,
)
from resources.market_data.sources.files import FilesSource
from resources.market_data.sources.sample import SampleSource
from resources.market_data.sources.synthetic import SyntheticSource
from tests.resources.market_data.sources.yahoo import throttled_on
from tests.yahoo_server import Listed, YahooServer

SYMBOL = "AAPL"
DAYS = (date(2012, 1, 3), date(2012, 12, 31))
BEFORE = (date(1990, 1, 2), date(1990, 12, 31))  # no source has bars of these days
SESSIONS = SampleSource().fetch(SYMBOL, *DAYS)
WEEKEND = (date(2012, 6, 2), date(2012, 6, 3))
HOSTILE = ["../AAPL", "/etc/passwd", "AAPL/..", "..\\AAPL", "*", "A?B", "", " ", "A\nB", "x" * 300]

Opener = Callable[[Path], "Iterator[PriceSource]"]


def _synthetic(folder: Path) -> Iterator[PriceSource]:
    yield SyntheticSource()


def _sample(folder: Path) -> Iterator[PriceSource]:
    yield SampleSource()


def _csv(folder: Path) -> Iterator[PriceSource]:
    SESSIONS.write_csv(folder / f"{SYMBOL}.csv")
    yield FilesSource(str(folder))


def _parquet(folder: Path) -> Iterator[PriceSource]:
    SESSIONS.write_parquet(folder / f"{SYMBOL}.parquet")
    yield FilesSource(str(folder))


def _yahoo(folder: Path) -> Iterator[PriceSource]:
    with YahooServer.running() as server:
        splits = {date(2012, 6, 1): (7, 1)}
        server.listed[SYMBOL] = Listed(SESSIONS, splits, {date(2012, 8, 9): 2.65})
        yield throttled_on(server, folder)


OPENERS: dict[str, Opener] = {
    "synthetic": _synthetic,
    "sample": _sample,
    "files, CSV": _csv,
    "files, Parquet": _parquet,
    "yahoo": _yahoo,
}

ANY_SYMBOL = {"synthetic"}
"""Sources that have bars of any symbol."""


@pytest.fixture(params=OPENERS)
def opened(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[str, PriceSource]]:
    """Lend each source, with its name in `OPENERS`."""
    with contextmanager(OPENERS[request.param])(tmp_path) as source:
        yield request.param, source


@pytest.fixture
def source(opened: tuple[str, PriceSource]) -> PriceSource:
    """Return each source."""
    return opened[1]


def test_every_source_is_tested():
    assert {name.partition(",")[0] for name in OPENERS} == set(SOURCES)


def test_the_name_is_that_of_the_settings(opened: tuple[str, PriceSource]):
    assert opened[1].name == opened[0].partition(",")[0]


def test_bars_are_valid_in_the_schema_and_oldest_first(source: PriceSource):
    bars = source.fetch(SYMBOL, *DAYS)
    assert bars.schema == pl.Schema(SCHEMA)
    assert validate_bars(SYMBOL, bars).equals(bars)
    assert bars["date"].is_sorted()
    assert bars["date"].n_unique() == bars.height


def test_the_window_is_inclusive_at_both_ends(source: PriceSource):
    days = source.fetch(SYMBOL, *DAYS)["date"].to_list()
    assert (days[0], days[-1]) == DAYS
    assert source.fetch(SYMBOL, days[5], days[9])["date"].to_list() == days[5:10]
    assert source.fetch(SYMBOL, days[7], days[7])["date"].to_list() == [days[7]]


def test_a_window_beyond_the_available_days_gives_those(source: PriceSource):
    bars = source.fetch(SYMBOL, BEFORE[0], DAYS[1])
    assert bars.height > 0
    assert bars["date"][-1] == DAYS[1]


def test_a_shorter_window_gives_the_same_bars(source: PriceSource):
    whole = source.fetch(SYMBOL, *DAYS)
    for first, last in [(3, 40), (40, 200), (200, whole.height - 1)]:
        days = whole["date"][first], whole["date"][last]
        part = source.fetch(SYMBOL, *days)
        assert data_version(part) == data_version(whole[first : last + 1])


def test_bars_fetched_twice_have_the_same_bits(source: PriceSource):
    assert data_version(source.fetch(SYMBOL, *DAYS)) == data_version(source.fetch(SYMBOL, *DAYS))


@pytest.mark.parametrize("days", [BEFORE, WEEKEND, DAYS[::-1]], ids=["before", "weekend", "turned"])
def test_the_error_of_a_window_without_bars_names_the_window(
    source: PriceSource, days: tuple[date, date]
):
    with pytest.raises(NoBarsError, match=f"^{SYMBOL}: .*{days[0]}") as refused:
        source.fetch(SYMBOL, *days)
    assert "\n" not in str(refused.value)


def test_an_unknown_symbol_is_an_error_with_its_name(opened: tuple[str, PriceSource]):
    name, source = opened
    if name in ANY_SYMBOL:
        assert source.fetch("NOPE", *DAYS).height == SESSIONS.height
        return
    with pytest.raises(UnknownSymbolError, match=r"^NOPE: ") as refused:
        source.fetch("NOPE", *DAYS)
    assert not refused.value.transient
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("symbol", HOSTILE, ids=repr)
def test_an_invalid_symbol_is_refused_with_a_short_message(source: PriceSource, symbol: str):
    with pytest.raises(UnknownSymbolError) as refused:
        source.fetch(symbol, *DAYS)
    assert len(str(refused.value)) < 300
    assert "\n" not in str(refused.value)


def test_all_errors_are_market_data_errors(source: PriceSource):
    for symbol, days in [("NOPE!", DAYS), (SYMBOL, BEFORE), ("../x", BEFORE)]:
        with pytest.raises(MarketDataError):
            source.fetch(symbol, *days)
