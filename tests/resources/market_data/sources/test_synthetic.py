import subprocess
import sys
from datetime import date, timedelta

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from resources.market_data.bars import data_version, validate_bars
from resources.market_data.source import NoBarsError, UnknownSymbolError
from resources.market_data.sources.synthetic import EPOCH, SyntheticSource
from resources.universe import is_symbol

SOURCE = SyntheticSource()
LONG = (EPOCH, date(2027, 12, 31))
# If these change, every stored bar and every result changes.
GOLDEN = {
    "AAPL": "36e2e5c3768da76c68f9414bee51bce1",
    "^GSPC": "0e0a1d19fd94de2065c8e15413a67141",
}


@settings(deadline=None)
@given(
    st.dates(EPOCH, LONG[1]),
    st.integers(0, 400),
    st.sampled_from(["AAPL", "BRK-B", "^GSPC"]),
)
def test_any_window_gives_the_bars_of_a_longer_one(first: date, days: int, symbol: str):
    last = first + timedelta(days=days)
    longer = SOURCE.fetch(symbol, *LONG).filter(pl.col("date").is_between(first, last))
    if longer.is_empty():
        with pytest.raises(NoBarsError):
            SOURCE.fetch(symbol, first, last)
    elif last <= LONG[1]:
        assert data_version(SOURCE.fetch(symbol, first, last)) == data_version(longer)


@pytest.mark.parametrize("symbol", GOLDEN)
def test_bars_are_the_same_on_every_machine(symbol: str):
    frame = SOURCE.fetch(symbol, date(2021, 1, 1), date(2023, 12, 31))
    assert data_version(frame) == GOLDEN[symbol]


def test_bars_do_not_depend_on_the_process_or_hash_seed():
    code = (
        "import numpy, random, datetime as d; numpy.random.seed(7); random.seed(7)\n"
        "from resources.market_data.sources.synthetic import SyntheticSource\n"
        "from resources.market_data.bars import data_version\n"
        "print(data_version(SyntheticSource().fetch('AAPL', d.date(2021,1,1), d.date(2023,12,31))))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        env={"PYTHONHASHSEED": "12345"},
    )
    assert done.stdout.strip() == GOLDEN["AAPL"]


@settings(deadline=None)
@given(st.from_regex(r"[A-Z0-9^][A-Z0-9=-]{0,14}", fullmatch=True))
def test_any_symbol_has_valid_bars_in_a_plausible_range(symbol: str):
    if is_symbol(symbol):
        bars = validate_bars(symbol, SOURCE.fetch(symbol, *LONG))
        assert 5 < bars["low"].min() < bars["high"].max() < 20_000  # pyright: ignore[reportOptionalOperand, reportOperatorIssue]
        assert 50 * 0.8 < bars["open"][0] < 250 * 1.2


def test_returns_have_the_documented_mean_and_deviation():
    closes = [SOURCE.fetch(f"S{number}", *LONG)["close"].to_numpy() for number in range(30)]
    returns = np.concatenate([np.diff(close) / close[:-1] for close in closes])
    assert returns.mean() == pytest.approx(0.0005, abs=0.0001)
    assert returns.std() == pytest.approx(0.02, abs=0.001)
    assert np.mean(np.abs(returns) > 0.04) == pytest.approx(0.05, abs=0.01)


def test_symbols_move_independently():
    one, two = (SOURCE.fetch(name, *LONG)["close"].to_numpy() for name in ("AAPL", "AAPM"))
    correlation = np.corrcoef(np.diff(one) / one[:-1], np.diff(two) / two[:-1])[0, 1]
    assert abs(correlation) < 0.05


def test_bars_have_gaps_wicks_and_varying_volume():
    bars = SOURCE.fetch("AAPL", *LONG).with_columns(
        gap=pl.col("open") != pl.col("close").shift(1),
        up=pl.col("high") > pl.max_horizontal("open", "close"),
        down=pl.col("low") < pl.min_horizontal("open", "close"),
        busy=pl.col("volume") > 1.5 * pl.col("volume").rolling_mean(20),
        quiet=pl.col("volume") < 0.8 * pl.col("volume").rolling_mean(20),
    )
    shares = bars.select(pl.col("gap", "up", "down", "busy", "quiet").mean()).row(0)
    assert min(shares[:3]) > 0.98
    assert min(shares[3:]) > 0.03


def test_bars_are_on_nyse_sessions():
    days = SOURCE.fetch("AAPL", date(2021, 1, 1), date(2021, 12, 31))["date"].to_list()
    assert len(days) == 252
    assert days[0] == date(2021, 1, 4)
    assert not {date(2021, 7, 5), date(2021, 11, 25), date(2021, 12, 24)} & set(days)


def test_bars_are_on_the_sessions_of_their_calendar():
    source = SyntheticSource({"BTC-USD": "24/7", "7203.T": "XTKS"}.get)
    year = date(2021, 1, 1), date(2021, 12, 31)
    every_day = source.fetch("BTC-USD", *year)["date"].to_list()
    assert (len(every_day), every_day[0]) == (365, date(2021, 1, 1))
    tokyo = source.fetch("7203.T", *year)["date"].to_list()
    assert len(tokyo) == 245
    assert date(2021, 7, 5) in tokyo
    assert not {date(2021, 5, 3), date(2021, 5, 4), date(2021, 5, 5)} & set(tokyo)


def test_bars_exist_only_from_the_first_to_the_last_day():
    assert SOURCE.fetch("AAPL", date.min, EPOCH)["date"].to_list() == [EPOCH]
    last = date(2099, 12, 31)
    assert SOURCE.fetch("AAPL", last, date.max)["date"].to_list() == [last]
    for first, last in [(date(1999, 1, 1), date(1999, 12, 31)), (date(2100, 1, 1), date.max)]:
        with pytest.raises(NoBarsError, match=r"AAPL: source 'synthetic' has no bars from .* \(it"):
            SOURCE.fetch("AAPL", first, last)


def test_windows_without_sessions_and_bad_symbols_are_refused():
    with pytest.raises(NoBarsError, match="no bars from 2021-01-02 to 2021-01-03"):
        SOURCE.fetch("AAPL", date(2021, 1, 2), date(2021, 1, 3))
    with pytest.raises(NoBarsError, match="no bars from 2021-02-01 to 2021-01-03"):
        SOURCE.fetch("AAPL", date(2021, 2, 1), date(2021, 1, 3))
    with pytest.raises(UnknownSymbolError, match=r"'\.\./AAPL' is not a symbol \(1 to 24"):
        SOURCE.fetch("../AAPL", *LONG)
