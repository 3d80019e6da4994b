"""Scaling is measured on the reported windows; no test depends on speed."""

from dataclasses import dataclass

import numpy as np
import pytest

from engine.settings import BacktestSettings
from research.audit import scaling as module
from research.audit.scaling import BARS_PER_YEAR, MOST_SYMBOLS, YEARS, measure_scaling
from strategies.base import Bars, Floats, Signals, Strategy
from strategies.fit_cache import cached_fit, fit_cache
from strategies.rsi import Rsi
from tests.bars import random_history


@dataclass(frozen=True)
class Counting(Strategy):
    """Records the number of bars of each call."""

    @property
    def lookback_bars(self) -> int:
        return 1

    def signals(self, bars: Bars) -> Signals:
        SEEN.append(len(bars))
        rise = np.diff(bars.close, prepend=bars.close[0]) > 0
        return Signals(rise, ~rise)


SEEN: list[int] = []


@pytest.mark.parametrize("bars", [1, 40, 753, 3000])
def test_every_window_is_run_in_every_round(bars: int, monkeypatch: pytest.MonkeyPatch):
    SEEN.clear()
    resident = iter(range(100))
    monkeypatch.setattr(module, "measure_resident_mb", lambda: float(next(resident)))
    histories = [random_history(f"S{seed}", bars, seed) for seed in range(7)]
    scaling = measure_scaling(histories, [Counting()], BacktestSettings())
    assert scaling.symbols == MOST_SYMBOLS
    assert scaling.rounds >= 3
    samples = next(resident)
    assert samples == len(YEARS) * scaling.rounds >= 12
    assert scaling.memory_slope_mb == pytest.approx(1 / MOST_SYMBOLS)
    lengths = {years * BARS_PER_YEAR for years in YEARS}
    assert set(SEEN) == lengths
    for length in lengths:
        warm_up = length == max(lengths)
        assert SEEN.count(length) == MOST_SYMBOLS * (scaling.rounds + warm_up)


class Learning(Strategy):
    """Fits once per call of its signals, unless the fit is remembered."""

    @property
    def lookback_bars(self) -> int:
        return 1

    def signals(self, bars: Bars) -> Signals:
        rise = _learn(bars.close) > 0
        return Signals(rise, ~rise)


@cached_fit
def _learn(close: Floats) -> Floats:
    SEEN.append(len(close))
    return np.diff(close, prepend=close[0])


def test_what_is_timed_is_fitted_in_every_round():
    SEEN.clear()
    with fit_cache():
        scaling = measure_scaling([random_history("S", 300, 1)], [Learning()], BacktestSettings())
    assert len(SEEN) == len(YEARS) * scaling.rounds + 1


def test_measurements_are_finite_and_positive():
    scaling = measure_scaling([random_history("S", 300, 1)], [Rsi()], BacktestSettings())
    assert scaling.years == (1, 2, 3, 5)
    assert len(scaling.seconds) == 4
    assert all(seconds > 0 for seconds in scaling.seconds)
    assert scaling.ratio > 0
    assert scaling.symbols == 1
    assert np.isfinite(scaling.exponent)
