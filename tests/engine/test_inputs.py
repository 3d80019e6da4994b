"""What is handed to the engine by mistake is refused in a sentence that says what is needed."""

import asyncio
from datetime import date, datetime
from typing import Any

import numpy as np
import pandas as pd
import pytest

from engine.backtest import VectorBTEngine
from engine.data_provider import history_of
from engine.equal_weight import EqualWeight
from engine.errors import InvalidInputError, InvalidSettingsError, UnusableBarsError
from engine.history import History
from engine.settings import BacktestSettings, Window
from strategies.errors import GauntletError
from strategies.registry import registered_strategies
from strategies.sma_cross import SmaCross
from tests.bars import random_history

HISTORY = random_history("S", 300, seed=1)
WINDOW = Window(date(2021, 1, 1), date(2021, 12, 31))
ENGINE = VectorBTEngine()


def _frame() -> pd.DataFrame:
    bars = HISTORY.bars
    columns = {"Open": bars.open, "High": bars.high, "Low": bars.low, "Close": bars.close}
    index = pd.DatetimeIndex(HISTORY.dates)
    return pd.DataFrame({**columns, "Volume": bars.volume}, index=index)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"strategies": "sma_cross"}, "strategies is 'sma_cross'; needed: a strategy object"),
        ({"strategies": SmaCross}, "strategies is the class SmaCross; needed: a strategy"),
        ({"strategies": [SmaCross]}, "strategies holds the class SmaCross; needed"),
        ({"strategies": registered_strategies()}, "strategies holds 'bollinger'; needed"),
        ({"strategies": []}, "strategies is empty; needed"),
        ({"histories": HISTORY}, "histories is a History; needed: several of them, as in [hist"),
        ({"histories": [_frame()]}, "histories holds a DataFrame; needed: engine.history.History"),
        ({"histories": ["S"]}, "histories holds 'S'; needed"),
        ({"window": (date(2021, 1, 1), date(2021, 2, 1))}, "window is a tuple; needed: Window("),
        ({"universe": [HISTORY]}, "universe is a list; needed: EqualWeight.of(histories, window)"),
    ],
)
def test_arguments_of_a_batch(given: dict[str, Any], message: str):
    arguments = {"histories": [HISTORY], "strategies": SmaCross(), "window": WINDOW} | given
    with pytest.raises(InvalidInputError) as refused:
        ENGINE.run_batch(**arguments)
    assert message in str(refused.value)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"workers": 0}, "workers is 0; allowed: 1 or more, whole."),
        ({"workers": 1.5}, "workers is 1.5"),
        ({"workers": True}, "workers is True"),
        ({"memory_budget": "16MB"}, "memory_budget is '16MB'"),
        ({"settings": {"fees": 0.0}}, "settings is {'fees': 0.0}; allowed: BacktestSettings("),
    ],
)
def test_an_engine(given: dict[str, Any], message: str):
    with pytest.raises(InvalidSettingsError) as refused:
        VectorBTEngine(**given)
    assert message in str(refused.value)


@pytest.mark.parametrize(
    ("strategy", "ranges", "message"),
    [
        (SmaCross(), None, "A strategy is asked for by its name, not by SmaCross("),
        ("sma_cross", {"fast_period": 5}, "The range of sma_cross's 'fast_period' is 5; needed"),
        ("sma_cross", [5, 10], "ranges is [5, 10]; needed: values by parameter"),
        ("sma_cross", {"fast_period": []}, "The range of sma_cross's 'fast_period' has no value"),
    ],
)
def test_a_sweep(strategy: Any, ranges: Any, message: str):
    with pytest.raises(GauntletError) as refused:
        ENGINE.sweep([HISTORY], strategy, WINDOW, ranges)
    assert message in str(refused.value)


def test_a_sweep_takes_any_series_of_values():
    swept = ENGINE.sweep([HISTORY], "sma_cross", WINDOW, {"fast_period": range(5, 11, 5)})
    assert len(swept.results) == 2


@pytest.mark.parametrize(
    ("dates", "bars", "message"),
    [
        (HISTORY.dates[:-5], HISTORY.bars, "S has 295 dates, but open of shape (300,)"),
        (HISTORY.dates.tolist(), HISTORY.bars, "S needs dates of dtype datetime64[D]"),
        (HISTORY.dates.astype("datetime64[ns]"), HISTORY.bars, "S needs dates of dtype dat"),
        (HISTORY.dates, [1.0], "S needs a open of dtype float64"),
        (HISTORY.dates[::-1], HISTORY.bars, "does not ascend|do not ascend: 2021-10-29 comes af"),
    ],
)
def test_a_malformed_history_fails_alone(dates: Any, bars: Any, message: str):
    outcome = ENGINE.run_batch([History("S", dates, bars), HISTORY], SmaCross(), WINDOW)
    (failure,) = outcome.failures
    assert any(part in failure.message for part in message.split("|"))
    assert len(outcome.results) == 1
    assert EqualWeight.of([History("S", dates, bars), HISTORY], WINDOW).symbols == 1


@pytest.mark.parametrize(
    ("frame", "message"),
    [
        (None, "S came as a NoneType; needed: a pandas DataFrame"),
        (_frame().assign(close=1.0), "S has more than one column close"),
        (_frame().astype(object).assign(Close="x"), "S has a value that is not a number"),
    ],
)
def test_a_frame(frame: Any, message: str):
    with pytest.raises(UnusableBarsError) as refused:
        history_of("S", frame)
    assert message in str(refused.value)


def test_a_window():
    with pytest.raises(InvalidSettingsError, match="the window's start is NaT; allowed: a date"):
        Window(pd.NaT, pd.NaT)  # pyright: ignore[reportArgumentType]
    with pytest.raises(InvalidSettingsError, match="the window's end is '2021'"):
        Window(date(2021, 1, 1), "2021")  # pyright: ignore[reportArgumentType]
    day = datetime(2021, 1, 5, 12)  # noqa: DTZ001
    assert Window(day, day, day) == Window(day.date(), day.date(), day.date())


def test_numbers_of_numpy_are_terms_like_others():
    capital: Any = np.int64(10_000)
    given = BacktestSettings(initial_capital=capital, fees=np.float64(0.001))
    assert given == BacktestSettings()
    assert repr(given) == repr(BacktestSettings())


def test_parameters():
    provider: Any = type("Provider", (), {"get_stock_data": lambda *_: _frame()})()
    engine = VectorBTEngine(data_provider=provider)
    run = engine.run_backtest("S", "sma_cross", [5], date(1, 1, 5), date(2021, 12, 31))  # pyright: ignore[reportArgumentType]
    with pytest.raises(GauntletError, match=r"The parameters of sma_cross are \[5\]; needed: val"):
        asyncio.run(run)
    run = engine.run_backtest("S", "sma_cross", None, date(1, 1, 5), date(2021, 12, 31))
    assert asyncio.run(run)["symbol"] == "S"


def test_an_outcome_is_short_to_print():
    outcome = ENGINE.run_batch([HISTORY], SmaCross(), WINDOW)
    assert repr(outcome) == "<BatchOutcome: 1 results, 0 failures>"
    assert len(repr(outcome.results[0])) < 800
