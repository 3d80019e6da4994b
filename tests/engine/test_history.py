"""Bars that cannot be simulated are a failure of their symbol, with the reason in one line."""

from dataclasses import replace
from datetime import date

import numpy as np
import pytest

from engine.backtest import VectorBTEngine
from engine.history import History
from engine.settings import BacktestSettings, Window
from strategies.sma_cross import SmaCross
from tests.bars import DAY, FIRST_DAY, build_bars, random_history
from tests.engine.cases import day

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
def test_unusable_bars_fail_only_their_symbol(bad: History, message: str):
    strategies = [SmaCross(), SmaCross(slow_period=30)]
    outcome = VectorBTEngine(memory_budget=1).run_batch([bad, GOOD], strategies, WINDOW)
    (failure,) = outcome.failures
    assert message in failure.message
    assert (failure.symbol, failure.error_class) == ("BAD", "UnusableBarsError")
    # The failure belongs to the symbol, not to one of the strategies.
    assert failure.strategy is None
    alone = VectorBTEngine().run_batch([GOOD], SmaCross(), WINDOW)
    assert outcome.results[0].equity.tobytes() == alone.results[0].equity.tobytes()


def test_bars_after_the_window_are_not_validated():
    later = _with("close", 299, np.nan)
    window = Window(date(2021, 1, 1), (FIRST_DAY + 298 * DAY).astype(date))
    assert not VectorBTEngine().run_batch([later], SmaCross(), window).failures


def test_highs_and_lows_may_be_missing_only_as_a_whole():
    nothing = np.full(300, np.nan)
    bare = History("BARE", GOOD.dates, replace(GOOD.bars, high=nothing, low=nothing))
    (result,) = VectorBTEngine().run_batch([bare], SmaCross(), WINDOW).results
    (whole,) = VectorBTEngine().run_batch([GOOD], SmaCross(), WINDOW).results
    assert result.metrics == whole.metrics
    (failure,) = VectorBTEngine().run_batch([_with("low", 5, np.nan)], SmaCross(), WINDOW).failures
    assert failure.message == "BAD has the low nan on 2021-01-09; prices must be positive numbers."


@pytest.mark.parametrize("missing", [["high"], ["low"], ["high", "low"]])
@pytest.mark.parametrize("stop", ["stop_loss", "trailing_stop", "take_profit"])
def test_stops_without_highs_or_lows_fail_the_symbol(missing: list[str], stop: str):
    nothing = np.full(300, np.nan)
    bare = History("BARE", GOOD.dates, replace(GOOD.bars, **dict.fromkeys(missing, nothing)))
    engine = VectorBTEngine(BacktestSettings(**{stop: 0.1}))  # pyright: ignore[reportArgumentType]
    outcome = engine.run_batch([bare, GOOD], SmaCross(), WINDOW)
    (failure,) = outcome.failures
    assert (failure.symbol, failure.error_class) == ("BARE", "UnusableBarsError")
    assert failure.message == (
        "BARE has no high or no low; stop_loss, trailing_stop and take_profit are filled against "
        "them."
    )
    assert [result.symbol for result in outcome.results] == ["GOOD"]


@pytest.mark.parametrize("stop_loss", [None, 0.1])
def test_a_batch_of_unusable_bars_gives_only_failures(stop_loss: float | None):
    bad = [_with("close", 7, np.nan), replace(_with("open", 3, 0.0), symbol="WORSE")]
    engine = VectorBTEngine(BacktestSettings(stop_loss=stop_loss))
    outcome = engine.run_batch(bad, [SmaCross(), SmaCross(slow_period=30)], WINDOW)
    assert outcome.results == []
    assert [failure.symbol for failure in outcome.failures] == ["BAD", "WORSE"]
    assert outcome.table().empty


def test_a_duplicate_day_is_refused():
    dates = GOOD.dates.copy()
    dates[7] = dates[6]
    (failure,) = (
        VectorBTEngine().run_batch([replace(GOOD, dates=dates)], SmaCross(), WINDOW).failures
    )
    assert failure.message == (
        "GOOD has dates that do not ascend: 2021-01-10 comes after 2021-01-10; "
        "needed: one bar per day, oldest first."
    )


def test_a_window_is_inclusive_and_earlier_bars_are_warm_up():
    cut = GOOD.cut_to(Window(day(10), day(20)))
    assert (cut.first, cut.traded_bars, len(cut.dates)) == (10, 11, 21)
    assert cut.dates[cut.first] == FIRST_DAY + 10 * DAY
    assert cut.dates[-1] == FIRST_DAY + 20 * DAY


def _ends_before(last_bar: date, last_session: date | None) -> bool:
    dates = np.array([last_bar], dtype="datetime64[D]")
    one = build_bars([1.0], [1.0])
    history = History("END", dates, one, last_session=last_session)
    window = Window(date(2023, 1, 1), date(2023, 12, 31))
    return history.cut_to(window).ends_before(window)


def test_with_a_calendar_one_missing_session_is_an_early_end():
    assert _ends_before(date(2023, 12, 28), last_session=date(2023, 12, 29))
    assert not _ends_before(date(2023, 12, 29), last_session=date(2023, 12, 29))


@pytest.mark.parametrize("last_session", [None, date(2024, 3, 1)])
def test_without_a_calendar_a_missing_week_is_no_early_end(last_session: date | None):
    assert not _ends_before(date(2023, 12, 24), last_session)
    assert _ends_before(date(2023, 12, 23), last_session)
