"""The equal-weight universe: computed by hand and by a pandas pivot of ragged symbols."""

from dataclasses import replace
from datetime import date

import numpy as np
import pandas as pd
import pytest

from engine.equal_weight import EqualWeight
from engine.errors import UnusableBarsError
from engine.history import History
from engine.settings import Window
from tests.bars import DAY, FIRST_DAY, build_bars, random_history
from tests.engine.cases import day

WINDOW = Window(date(2021, 2, 1), date(2022, 3, 1))


def _shifted(history: History, days: int, gaps: int) -> History:
    """Return the history `days` later, without every `gaps`-th bar."""
    kept = np.arange(len(history.dates)) % gaps != 1
    bars = replace(
        history.bars,
        **{name: getattr(history.bars, name)[kept] for name in history.bars.__dataclass_fields__},
    )
    return History(history.symbol, history.dates[kept] + days * DAY, bars)


RAGGED = [
    _shifted(random_history(f"S{n}", length, n), days, gaps)
    for n, (length, days, gaps) in enumerate(
        [(420, 0, 1000), (300, 100, 7), (60, 10, 5), (500, -200, 1000), (2, 300, 1000), (9, 900, 3)]
    )
]


def _by_pandas(histories: list[History], window: Window) -> pd.Series:
    """Return the level per day: the mean return of what is held, a closed market's being 0."""
    closes = {
        history.symbol: pd.Series(history.bars.close, index=pd.DatetimeIndex(history.dates))
        for history in histories
    }
    pivot = pd.DataFrame(closes).loc[str(window.start) : str(window.end)].dropna(how="all")
    returns = pivot.ffill().pct_change().fillna(0.0)
    week = pd.Timedelta(days=7)
    for symbol, close in closes.items():
        first, last = pivot[symbol].first_valid_index(), pivot[symbol].last_valid_index()
        assert first is not None
        assert last is not None
        if close.index[0] >= first > pd.Timestamp(window.start) + week:
            returns.loc[returns.index <= first, symbol] = np.nan
        if last < pd.Timestamp(window.end) - week:
            returns.loc[returns.index > last, symbol] = np.nan
    return (1 + returns.mean(axis=1).fillna(0.0)).cumprod()


def test_ragged_symbols_agree_with_a_pandas_pivot():
    universe = EqualWeight.of(RAGGED, WINDOW)
    expected = _by_pandas(RAGGED[:5], WINDOW)
    assert universe.symbols == 5
    assert universe.dates.tolist() == expected.index.to_numpy().astype("datetime64[D]").tolist()
    np.testing.assert_allclose(universe.level, expected, rtol=1e-12)


def _closes(symbol: str, closes: list[float], first: int = 0) -> History:
    dates = FIRST_DAY + (first + np.arange(len(closes))) * DAY
    return History(symbol, dates, build_bars(closes, closes))


def test_a_symbol_that_starts_late_counts_from_its_second_bar():
    early, late = _closes("A", [100.0] * 9 + [110, 110]), _closes("B", [50, 40], first=9)
    universe = EqualWeight.of([early, late], Window(day(0), day(10)))
    # Alone until B has two bars: +10 %, and then the mean of 0 % and -20 %.
    assert universe.level.tolist() == pytest.approx([1.0] * 9 + [1.1, 1.1 * 0.9])


def test_a_symbol_that_ends_early_no_longer_counts():
    staying, leaving = _closes("A", [100.0, 110.0] + [121.0] * 9), _closes("B", [50, 40])
    universe = EqualWeight.of([staying, leaving], Window(day(0), day(10)))
    assert universe.level.tolist()[:3] == pytest.approx([1.0, 0.95, 0.95 * 1.1])


def test_a_closed_market_stands_still():
    every_day = _closes("B", [100, 110, 121, 121, 121])
    dates = every_day.dates[[0, 3, 4]]
    weekdays = History("A", dates, build_bars([50.0, 60.0, 60.0], [50.0, 60.0, 60.0]))
    universe = EqualWeight.of([every_day, weekdays], Window(day(0), day(4)))
    # Half of the basket is in A, which is closed for two days and then opens 20 % higher.
    assert universe.level.tolist() == pytest.approx(
        [1.0, 1.05, 1.05**2, 1.05**2 * 1.1, 1.05**2 * 1.1]
    )


def test_bars_from_before_the_window_are_held_from_its_start():
    every_day, weekdays = _closes("B", [100, 110, 110, 110]), _closes("A", [50, 50])
    opens_later = History("A", weekdays.dates + np.array([-20, 2]) * DAY, weekdays.bars)
    universe = EqualWeight.of([every_day, opens_later], Window(day(0), day(4)))
    assert universe.level.tolist() == pytest.approx([1.0, 1.05, 1.05, 1.05])


def test_bars_before_the_window_are_ignored():
    one = _closes("A", [50, 100, 110])
    universe = EqualWeight.of([one], Window(day(1), day(2)))
    assert universe.level.tolist() == pytest.approx([1.0, 1.1])


def test_returns_on_a_symbols_days_include_missed_days():
    universe = EqualWeight.of([_closes("A", [100, 110, 121, 133.1])], Window(day(0), day(3)))
    own_days = FIRST_DAY + np.array([0, 1, 3]) * DAY
    assert universe.returns_on(own_days).tolist() == pytest.approx([0.0, 0.1, 0.21])


def test_unknown_days_have_the_level_of_the_day_before():
    universe = EqualWeight.of([_closes("A", [100, 110])], Window(day(0), day(9)))
    days = FIRST_DAY + np.array([-3, 0, 1, 5]) * DAY
    assert universe.returns_on(days).tolist() == pytest.approx([0.0, 0.0, 0.1, 0.0])


def test_symbols_that_cannot_be_tested_are_left_out():
    good, bad = _closes("A", [100, 110]), _closes("B", [100, -5])
    outside = _closes("C", [100, 900], first=50)
    window = Window(day(0), day(1))
    universe = EqualWeight.of([good, bad, outside], window)
    alone = EqualWeight.of([good], window)
    assert (universe.symbols, universe.version) == (1, alone.version)


def test_the_version_follows_days_and_levels():
    window = Window(day(0), day(3))
    versions = {
        EqualWeight.of([_closes("A", closes)], window).version
        for closes in ([100.0, 110, 120], [100.0, 110, 121], [100.0, 110, 120, 120])
    }
    assert len(versions) == 3
    assert EqualWeight.of([_closes("B", [100, 110, 120])], window).version in versions


def test_an_empty_universe_is_refused():
    message = f"No symbol of the universe has usable bars between {WINDOW.start} and {WINDOW.end}."
    with pytest.raises(UnusableBarsError, match=message):
        EqualWeight.of([], WINDOW)
