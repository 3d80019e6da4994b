"""One backtest from a notebook: any provider, any letter case, the same numbers as a batch."""

import asyncio
from datetime import date, timedelta
from typing import Any
from unittest.mock import AsyncMock, Mock

import numpy as np
import pandas as pd
import pytest

from engine.backtest import VectorBTEngine
from engine.data_provider import frame_to_history
from engine.errors import InvalidSettingsError, UnusableBarsError
from engine.history import History
from engine.settings import BacktestSettings, Window
from strategies.errors import InvalidParameterError, UnknownStrategyError
from strategies.rsi import Rsi
from tests.bars import FIRST_DAY, random_bars

BARS = random_bars(700, seed=3)
START, END = date(2022, 1, 1), date(2022, 11, 30)


def _frame(columns: str = "Open High Low Close Volume") -> pd.DataFrame:
    names = columns.split()
    values = (BARS.open, BARS.high, BARS.low, BARS.close, BARS.volume)
    index = pd.date_range(pd.Timestamp(FIRST_DAY), periods=len(BARS), freq="D")
    return pd.DataFrame(dict(zip(names, values, strict=True)), index=index)


class Provider:
    """Returns the same frame for every request, and stores the request."""

    def __init__(self, frame: pd.DataFrame) -> None:
        self.frame = frame
        self.asked: tuple[str, date, date, str] | None = None

    def get_stock_data(self, symbol: str, start_date: date, end_date: date, interval: str):
        self.asked = (symbol, start_date, end_date, interval)
        return self.frame


class AsyncProvider(Provider):
    async def get_stock_data(  # pyright: ignore[reportIncompatibleMethodOverride]
        self, symbol: str, start_date: date, end_date: date, interval: str
    ):
        return super().get_stock_data(symbol, start_date, end_date, interval)


def _run(
    provider: Provider,
    strategy: str = "rsi",
    parameters: dict | None = None,
    settings: BacktestSettings | None = None,
):
    engine = VectorBTEngine(settings, data_provider=provider)
    return asyncio.run(engine.run_backtest("AAPL", strategy, parameters, START, END))


@pytest.mark.parametrize("kind", [Provider, AsyncProvider])
@pytest.mark.parametrize("columns", ["Open High Low Close Volume", "open HIGH Low close VOLUME"])
def test_a_single_backtest_equals_that_of_a_batch(kind: type[Provider], columns: str):
    provider = kind(_frame(columns))
    result = _run(provider, parameters={"period": 7})
    history = frame_to_history("AAPL", _frame())
    (alone,) = VectorBTEngine().run_batch([history], Rsi(period=7), Window(START, END)).results
    assert result["metrics"] == alone.metrics
    assert result["parameters"] == {"period": 7, "oversold": 30.0, "overbought": 70.0}
    assert result["equity_curve"].to_numpy().tobytes() == alone.equity.tobytes()
    assert result["equity_curve"].index[0] == pd.Timestamp(START)
    assert result["drawdown_series"].min() == pytest.approx(alone.metrics["max_drawdown"])
    assert result["undefined"] == alone.undefined
    assert len(result["trades"]) == alone.metrics["total_trades"]
    assert result["trades"][0]["entry_date"] > START
    assert (result["symbol"], result["strategy"]) == ("AAPL", "rsi")
    assert (result["start_date"], result["end_date"]) == (START, END)
    assert result["initial_capital"] == 10_000.0
    assert provider.asked == ("AAPL", START - timedelta(days=365), END, "1d")


def test_a_time_zone_of_the_index_does_not_move_a_session():
    frame = _frame()
    there = frame.tz_localize("America/New_York")
    np.testing.assert_array_equal(
        frame_to_history("X", there).dates, frame_to_history("X", frame).dates
    )


@pytest.mark.parametrize(
    ("frame", "message"),
    [
        (_frame().drop(columns=["Volume"]), "AAPL has no column volume; it has: Open, High"),
        (_frame().drop(columns=["Open", "Close"]), "AAPL has no column open, close; it has: "),
        (pd.concat([_frame(), _frame().iloc[3:4]]), "AAPL has dates that do not ascend"),
        (_frame().assign(High=1.0), "AAPL has the high 1.0 on 2021-01-04, below its open or close"),
        (_frame().assign(Low=1e9), "AAPL has the low 1000000000.0 on 2021-01-04, above its open"),
        (None, "AAPL has no bars: the data provider returned None."),
        (_frame().assign(close=1.0), "AAPL has more than one column close."),
        (_frame().assign(Close="much"), "AAPL has a value that is not a number: "),
        (_frame()["Close"], "AAPL is a Series; needed: a pandas DataFrame of bars."),
        (pd.DataFrame(), "AAPL has no column open, close, volume; it has: none."),
        (_frame().reset_index(drop=True), "AAPL must be indexed by day"),
        (_frame().assign(Close=float("nan")), "AAPL has the close nan on 2021-01-04"),
        (_frame().iloc[:10], "AAPL has no bars between 2022-01-01 and 2022-11-30"),
    ],
)
def test_unusable_bars_are_refused_with_the_reason(frame: Any, message: str):
    with pytest.raises(UnusableBarsError) as refused:
        _run(Provider(frame))
    assert message in str(refused.value)


def test_highs_and_lows_are_optional_without_stops():
    bare = _frame().drop(columns=["High", "Low"])
    assert _run(Provider(bare))["metrics"] == _run(Provider(_frame()))["metrics"]
    with pytest.raises(UnusableBarsError, match="AAPL has no high or no low; stop_loss, "):
        _run(Provider(bare), settings=BacktestSettings(trailing_stop=0.1))
    settings = BacktestSettings(trailing_stop=0.02)
    stopped = _run(Provider(_frame()), parameters={"period": 7}, settings=settings)
    assert "trailing_stop" in {trade["exit_reason"] for trade in stopped["trades"]}


def test_bars_in_another_order_give_the_same_history():
    assert _equal(frame_to_history("X", _frame().iloc[::-1]), frame_to_history("X", _frame()))


def test_highs_and_lows_are_moved_by_rounding_only():
    frame = _frame()
    top, bottom = frame[["Open", "Close"]].max(axis=1), frame[["Open", "Close"]].min(axis=1)
    hair = frame.assign(High=top * (1 - 5e-7), Low=bottom * (1 + 5e-7))
    bars = frame_to_history("X", hair).bars
    assert bars.high.tolist() == top.tolist()
    assert bars.low.tolist() == bottom.tolist()
    with pytest.raises(UnusableBarsError, match="below its open or close"):
        frame_to_history("X", frame.assign(High=top * (1 - 5e-6)))


@pytest.mark.parametrize("name", ["Adj Close", "adj_close", "AdjClose"])
def test_an_adjusted_close_adjusts_all_prices(name: str):
    halved = frame_to_history("X", _frame().assign(**{name: BARS.close / 2}))
    assert halved.bars.close.tolist() == (BARS.close / 2).tolist()
    np.testing.assert_allclose(halved.bars.open, BARS.open / 2, rtol=1e-14)
    np.testing.assert_allclose(halved.bars.high, BARS.high / 2, rtol=1e-14)
    assert halved.bars.volume.tolist() == BARS.volume.tolist()
    same = frame_to_history("X", _frame().assign(**{name: BARS.close}))
    assert _equal(same, frame_to_history("X", _frame()))


def _equal(one: History, other: History) -> bool:
    return one.content_version() == other.content_version()


class AsyncNamed(Provider):
    """Has both; the coroutine is meant."""

    async def get_stock_data_async(self, symbol, start_date, end_date, interval="1d"):
        return super().get_stock_data(symbol, start_date, end_date, interval)

    def get_stock_data(self, *_: Any):  # pyright: ignore[reportIncompatibleMethodOverride]
        raise AssertionError


class OtherNames(Provider):
    def get_stock_data(self, ticker, since, until, frequency):  # pyright: ignore[reportIncompatibleMethodOverride]
        return super().get_stock_data(ticker, since, until, frequency)


class MoreArguments(Provider):
    def get_stock_data(self, symbol, start_date=None, end_date=None, period=None, interval="1d"):  # pyright: ignore[reportIncompatibleMethodOverride]
        assert period is None
        return super().get_stock_data(symbol, start_date, end_date, interval)  # pyright: ignore[reportArgumentType]


@pytest.mark.parametrize("kind", [AsyncNamed, OtherNames, MoreArguments])
def test_a_provider_is_called_as_it_is_written(kind: type[Provider]):
    provider = kind(_frame())
    assert _run(provider)["metrics"] == _run(Provider(_frame()))["metrics"]
    assert provider.asked == ("AAPL", START - timedelta(days=365), END, "1d")


def _of_symbol(symbol: str, years: int = 3) -> pd.DataFrame:
    assert (symbol, years) == ("AAPL", 3)
    return _frame()


@pytest.mark.parametrize(
    "method",
    [
        Mock(side_effect=_of_symbol),
        Mock(side_effect=lambda **_: _frame()),
        Mock(return_value=_frame()),
        AsyncMock(return_value=_frame()),
    ],
)
def test_a_mock_is_a_provider(method: Mock):
    provider = Mock(get_stock_data=method)
    result = _run(provider)
    assert result["metrics"] == _run(Provider(_frame()))["metrics"]
    assert method.call_count == 1
    assert result["source"] == "Mock"


def test_a_provider_gets_text_if_its_caller_gives_text():
    provider = Provider(_frame())
    engine = VectorBTEngine(data_provider=provider)
    call = engine.run_backtest("AAPL", "rsi", None, START.isoformat(), END.isoformat())
    assert asyncio.run(call)["metrics"] == _run(Provider(_frame()))["metrics"]
    assert provider.asked == ("AAPL", "2021-01-01", "2022-11-30", "1d")


def test_integer_prices_are_accepted():
    frame = _frame().round().astype(int)
    assert _run(Provider(frame))["metrics"]["total_trades"] is not None


def test_invalid_arguments_are_refused():
    with pytest.raises(UnknownStrategyError, match="Did you mean 'rsi'"):
        _run(Provider(_frame()), "rsy")
    with pytest.raises(InvalidParameterError, match="no parameter 'window'"):
        _run(Provider(_frame()), parameters={"window": 3})
    with pytest.raises(InvalidSettingsError, match="needs a data_provider"):
        asyncio.run(VectorBTEngine().run_backtest("AAPL", "rsi", None, START, END))


DAILY = pd.date_range("2021-01-04", periods=300, freq="D")
WEEKDAYS = pd.bdate_range("2021-01-04", periods=300)


@pytest.mark.parametrize(
    ("days", "bars_per_year"),
    [
        (DAILY, 365.0),
        (pd.date_range("2021-01-02", "2021-01-15", freq="D"), 365.0),
        (WEEKDAYS, 261.0),
        (WEEKDAYS[:199], 252.0),
        (WEEKDAYS.delete([50, 100, 150, 200, 250]), 252.0),
        # One session on a Saturday.
        (WEEKDAYS[:190].append(pd.DatetimeIndex(["2021-10-02"])), 252.0),
        # Currencies that open on Sunday evening.
        (DAILY[DAILY.day_of_week != 5], 261.0),
    ],
)
def test_the_days_of_bars_tell_how_many_a_year_has(days: pd.DatetimeIndex, bars_per_year: float):
    frame = pd.DataFrame(dict.fromkeys(("open", "high", "low", "close", "volume"), 1.0), index=days)
    history = frame_to_history("X", frame)
    assert history.bars_per_year == bars_per_year
    strategy = Rsi()
    settings = BacktestSettings(bars_per_year=260)
    window = Window(date(2021, 1, 1), date(2022, 12, 31))
    for engine, year in ((VectorBTEngine(), bars_per_year), (VectorBTEngine(settings), 260.0)):
        (result,) = engine.run_batch([history], strategy, window).results
        assert result.bars_per_year == year
