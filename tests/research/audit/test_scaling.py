"""The probe runs what it says it runs; how fast that is, no test asks."""

from dataclasses import dataclass

import numpy as np
import pytest

from engine.settings import BacktestSettings
from research.audit.scaling import BARS_A_YEAR, MOST_SYMBOLS, YEARS, probe
from strategies.base import Bars, Signals, Strategy
from strategies.rsi import Rsi
from tests.bars import random_history


@dataclass(frozen=True)
class Counting(Strategy):
    """Notes the lengths of the bars that it is asked about."""

    @property
    def lookback_bars(self) -> int:
        return 1

    def signals(self, bars: Bars) -> Signals:
        SEEN.append(len(bars))
        rise = np.diff(bars.close, prepend=bars.close[0]) > 0
        return Signals(rise, ~rise)


SEEN: list[int] = []


@pytest.mark.parametrize("bars", [1, 40, 753, 3000])
def test_every_window_is_run_in_every_round_whatever_the_history_has(bars: int):
    SEEN.clear()
    sampled: list[int] = []
    histories = [random_history(f"S{seed}", bars, seed) for seed in range(7)]
    scaling = probe(histories, [Counting()], BacktestSettings(), sampled.append)
    assert scaling.symbols == MOST_SYMBOLS
    assert scaling.rounds >= 3
    assert sampled == [MOST_SYMBOLS] * (len(YEARS) * scaling.rounds)
    assert len(sampled) >= 12
    lengths = {years * BARS_A_YEAR for years in YEARS}
    assert set(SEEN) == lengths
    for length in lengths:  # warmed up once
        assert SEEN.count(length) == MOST_SYMBOLS * (scaling.rounds + 1)


def test_what_it_measured_is_a_json_object_of_positive_figures():
    scaling = probe([random_history("S", 300, 1)], [Rsi()], BacktestSettings(), lambda _: None)
    assert all(seconds > 0 for seconds in scaling.seconds)
    summary = scaling.summary()
    assert summary["years"] == [1, 2, 3, 5]
    assert len(summary["seconds"]) == 4
    assert summary["ratio"] > 0
    assert summary["symbols"] == 1
    assert np.isfinite(summary["exponent"])
