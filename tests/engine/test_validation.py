"""Arguments of a wrong type are refused first, with the given value and the needed type."""

from datetime import date
from typing import Any

import numpy as np
import pytest

from engine.backtest import VectorBTEngine
from engine.equal_weight import EqualWeight
from engine.errors import InvalidInputError, InvalidSettingsError, UnusableBarsError
from engine.history import History
from engine.settings import Window
from strategies.base import Bars
from strategies.sma_cross import SmaCross
from tests.bars import random_bars, random_history
from tests.engine.planned import Planned

WINDOW = Window(date(2021, 1, 1), date(2022, 12, 31))
HISTORY = random_history("A", 200, 1)
ENGINE = VectorBTEngine()
# As in a notebook, which no type checker checks.
ANY: Any = None


@pytest.mark.parametrize(
    ("strategies", "message"),
    [
        ("sma_cross", "strategies is 'sma_cross'; needed: a strategy object, such as "),
        (SmaCross, "strategies is the class SmaCross; needed: a strategy object"),
        (None, "strategies is None; needed: a strategy object"),
        ([SmaCross(), "rsi"], "strategies holds 'rsi'; needed: a strategy object"),
        ([SmaCross], "strategies holds the class SmaCross; needed"),
        ([], "strategies is empty; needed"),
        ((_ for _ in ()), "strategies is empty; needed"),
    ],
)
def test_invalid_strategies_are_refused(strategies: Any, message: str):
    with pytest.raises(InvalidInputError) as refused:
        ENGINE.run_batch([HISTORY], strategies, WINDOW)
    assert message in str(refused.value)


@pytest.mark.parametrize(
    ("histories", "message"),
    [
        (HISTORY, "histories is a History; needed: several of them, as in [history]."),
        ({"A": HISTORY}, "histories is a dict; needed: several of them"),
        ("A", "histories is 'A'; needed: several"),
        (7, "histories is 7; needed: several"),
        ([HISTORY, HISTORY.bars], "histories holds a Bars; needed: engine.history.History, which "),
    ],
)
def test_invalid_histories_are_refused(histories: Any, message: str):
    with pytest.raises(InvalidInputError) as refused:
        ENGINE.run_batch(histories, SmaCross(), WINDOW)
    assert message in str(refused.value)


def test_an_invalid_window_and_universe_are_refused():
    dates: Any = (date(2021, 1, 1), date(2022, 12, 31))
    with pytest.raises(InvalidInputError, match=r"window is a tuple; needed: Window\(start, end\)"):
        ENGINE.run_batch([HISTORY], SmaCross(), dates)
    histories: Any = [HISTORY]
    with pytest.raises(InvalidInputError, match=r"universe is a list; needed: EqualWeight\.of"):
        ENGINE.run_batch([HISTORY], SmaCross(), WINDOW, histories)
    with pytest.raises(InvalidInputError, match="window is None"):
        ENGINE.portfolio(HISTORY, SmaCross(), ANY)


def test_run_batches_refuses_before_the_first_outcome():
    with pytest.raises(InvalidInputError, match="strategies is empty"):
        ENGINE.run_batches([HISTORY], [], WINDOW)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"memory_budget": 0}, "memory_budget is 0; allowed: integers from 1."),
        ({"memory_budget": 1.5}, "memory_budget is 1.5"),
        ({"memory_budget": True}, "memory_budget is True"),
        ({"memory_budget": "1 GB"}, "memory_budget is '1 GB'"),
        ({"settings": {"fees": 0.0}}, "settings is {'fees': 0.0}; allowed: BacktestSettings(...)."),
    ],
)
def test_invalid_engine_arguments_are_refused(given: dict[str, Any], message: str):
    with pytest.raises(InvalidSettingsError) as refused:
        VectorBTEngine(**given)
    assert message in str(refused.value)


def _made_of(dates: Any = None, **columns: Any) -> History:
    values = {name: getattr(HISTORY.bars, name) for name in HISTORY.bars.__dataclass_fields__}
    return History("ODD", HISTORY.dates if dates is None else dates, Bars(**(values | columns)))


@pytest.mark.parametrize(
    ("history", "message"),
    [
        (_made_of(close=list(HISTORY.bars.close)), "ODD needs a close of dtype float64."),
        (_made_of(close=HISTORY.bars.close.astype(np.float32)), "ODD needs a close of dtype "),
        (_made_of(volume=None), "ODD needs a volume of dtype float64."),
        (_made_of(low=random_bars(10).low), "ODD has 200 dates, but low of shape (10,)."),
        (_made_of(dates=HISTORY.dates.astype("datetime64[ns]")), "ODD needs dates of dtype dateti"),
        (_made_of(dates=list(HISTORY.dates)), "ODD needs dates of dtype datetime64[D]."),
    ],
)
def test_arrays_of_a_wrong_type_fail_only_their_symbol(history: History, message: str):
    outcome = ENGINE.run_batch([history, HISTORY], SmaCross(), WINDOW)
    (failure,) = outcome.failures
    assert message in failure.message
    assert failure.error_class == "UnusableBarsError"
    assert [result.symbol for result in outcome.results] == ["A"]
    with pytest.raises(UnusableBarsError):
        EqualWeight.of([history], WINDOW)


def test_a_strategy_in_a_notebook_is_named_after_its_class():
    in_notebook = type("BuyTheDip", (Planned,), {"__module__": "__main__"})
    assert in_notebook.name == "buy_the_dip"
    (result,) = ENGINE.run_batch([HISTORY], in_notebook([1], [3]), WINDOW).results
    assert result.as_dict()["strategy"] == "buy_the_dip"
