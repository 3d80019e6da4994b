"""Bars that cannot be simulated become that symbol's failure, with the reason in one line."""

from dataclasses import replace
from datetime import date

import numpy as np
import pytest

from engine.backtest import VectorBTEngine
from engine.history import History
from engine.settings import Window
from strategies.sma_cross import SmaCross
from tests.bars import DAY, FIRST_DAY, random_history

WINDOW = Window(date(2021, 1, 1), date(2022, 12, 31))
GOOD = random_history("GOOD", 300, seed=1)


def _with(name: str, bar: int, value: float) -> History:
    values = getattr(GOOD.bars, name).copy()
    values[bar] = value
    return History("BAD", GOOD.dates, replace(GOOD.bars, **{name: values}))


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        (_with("close", 7, np.nan), "BAD has the close nan on 2021-01-11"),
        (_with("open", 3, 0.0), "BAD has the open 0.0 on 2021-01-07"),
        (_with("low", 0, -1.0), "BAD has the low -1.0 on 2021-01-04"),
        (_with("high", 9, np.inf), "BAD has the high inf on 2021-01-13"),
        (_with("volume", 9, np.nan), "BAD has a volume that is not a number"),
        (History("BAD", GOOD.dates[::-1], GOOD.bars), "BAD has dates that do not ascend"),
        (
            History("BAD", GOOD.dates + 5000 * DAY, GOOD.bars),
            "BAD has no bars between 2021-01-01 and",
        ),
        (
            History("BAD", GOOD.dates - 5000 * DAY, GOOD.bars),
            "BAD has no bars between 2021-01-01 and",
        ),
    ],
)
def test_unusable_bars_fail_their_symbol_and_no_other(bad: History, message: str):
    outcome = VectorBTEngine().run_batch([bad, GOOD], SmaCross(), WINDOW)
    (failure,) = outcome.failures
    assert message in failure.message
    assert (failure.symbol, failure.error_class) == ("BAD", "UnusableBarsError")
    assert failure.strategy == "sma_cross"
    alone = VectorBTEngine().run_batch([GOOD], SmaCross(), WINDOW)
    assert outcome.results[0].equity.tobytes() == alone.results[0].equity.tobytes()


def test_bars_after_the_window_are_not_judged():
    later = _with("close", 299, np.nan)
    window = Window(date(2021, 1, 1), (FIRST_DAY + 298 * DAY).astype(date))
    assert not VectorBTEngine().run_batch([later], SmaCross(), window).failures
