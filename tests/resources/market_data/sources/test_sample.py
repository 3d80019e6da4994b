from datetime import date

import pytest

from resources.market_data.bars import validate_bars
from resources.market_data.source import NoBarsError, UnknownSymbolError
from resources.market_data.sources.sample import (
    SAMPLE_END,
    SAMPLE_LISTED_FROM,
    SAMPLE_START,
    SAMPLE_SYMBOLS,
    SampleSource,
)

SOURCE = SampleSource()


@pytest.mark.parametrize("symbol", SAMPLE_SYMBOLS)
def test_every_symbol_has_valid_bars_over_its_whole_period(symbol: str):
    bars = validate_bars(symbol, SOURCE.fetch(symbol, SAMPLE_START, SAMPLE_END))
    assert bars["date"][0] == (SAMPLE_LISTED_FROM[symbol] or SAMPLE_START)
    assert bars["date"][-1] == SAMPLE_END


def test_the_window_is_inclusive_and_prices_are_as_in_the_file():
    bars = SOURCE.fetch("AAPL", date(2000, 3, 1), date(2000, 3, 2))
    assert bars.height == 2
    assert bars.row(0)[:6] == (date(2000, 3, 1), 118.56, 132.06, 118.5, 130.31, 9616100.0)
    assert bars["close"][0] * bars["adjustment"][0] == pytest.approx(4.186662803811, rel=1e-12)


@pytest.mark.parametrize(
    ("symbol", "before", "split"),
    [
        ("AAPL", date(2000, 6, 20), date(2000, 6, 21)),
        ("AAPL", date(2005, 2, 25), date(2005, 2, 28)),
        ("MSFT", date(2003, 2, 14), date(2003, 2, 18)),
    ],
)
def test_a_split_is_in_the_raw_but_not_in_the_adjusted_prices(symbol, before, split):
    bars = SOURCE.fetch(symbol, before, split)
    assert bars["close"][1] / bars["close"][0] < 0.6
    adjusted = bars["close"] * bars["adjustment"]
    assert adjusted[1] / adjusted[0] == pytest.approx(1.05, abs=0.06)
    assert bars["adjustment"][1] / bars["adjustment"][0] == pytest.approx(2, rel=0.01)


def test_an_unknown_symbol_is_refused_with_the_known_ones():
    with pytest.raises(UnknownSymbolError) as refused:
        SOURCE.fetch("GOOGL", SAMPLE_START, SAMPLE_END)
    assert str(refused.value) == (
        "GOOGL: not in source 'sample', which has AAPL, FB, GOOG, IBM, MSFT. Did you mean 'GOOG'?"
    )


def test_a_window_before_the_listing_names_the_available_days():
    with pytest.raises(NoBarsError) as refused:
        SOURCE.fetch("FB", date(2010, 1, 1), date(2010, 12, 31))
    assert str(refused.value) == (
        "FB: source 'sample' has no bars from 2010-01-01 to 2010-12-31 "
        "(it has 2012-05-18 to 2013-03-01)."
    )
