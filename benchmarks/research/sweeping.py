"""A sweep with its files, as the asset does it; and a process that does a large one.

``python -m benchmarks.research.sweeping POINTS SYMBOLS`` prints its peak of memory as JSON.
"""

import json
import sys
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import date

import numpy as np

from benchmarks.memory_worker import peak_mb
from benchmarks.universe import history
from engine.backtest import VectorBTEngine
from engine.equal_weight import EqualWeight
from engine.history import History
from engine.settings import Window
from research.sweep_trials import build_trials as build_sweep_trials
from research.trials import Trial, TrialScope
from research.universe_curves import UniverseCurves
from research.universe_sweep import UniverseSweep
from resources.run_artifacts.sweep_files import POINTS_SCHEMA, SweepFiles, build_curves
from strategies.base import Strategy
from strategies.sma_cross import SmaCross

_BARS = 756
_SWEEP = "00000000-0000-0000-0000-000000000000"

SCOPE = TrialScope(
    source="benchmark",
    symbols=("S00000",),
    data_version="1",
    universe_version="1",
    start_date=date(2000, 1, 1),
    end_date=date(2002, 12, 31),
    settings={"fees": 0.001},
    dates=np.empty(0, "datetime64[D]"),
    market=np.empty(0),
)


def sweep_to_files(
    histories: Iterable[History], points: Mapping[str, Sequence[Strategy]], folder: str
) -> dict[str, UniverseCurves]:
    """Sweep a universe, write the files of each strategy, and return the curves."""
    window, universe = _measure_market(histories)
    sweep, files = UniverseSweep(points, VectorBTEngine(), window, universe), SweepFiles(folder)
    writers = {name: files.write(name, _SWEEP) for name in points}
    for part in sweep.run(histories):
        for name, metrics in part.items():
            writers[name].add(metrics)
    curves = sweep.curves()
    for name, one in curves.items():
        writers[name].close(POINTS_SCHEMA.to_frame(), build_curves(one), {})
    return curves


def build_trials(curves: Mapping[str, UniverseCurves]) -> tuple[list[Trial], TrialScope]:
    """Return the trials of all strategies, and their scope."""
    trials = [trial for one in curves.values() for trial in build_sweep_trials(one, "1")]
    first = next(iter(curves.values()))
    return trials, replace(SCOPE, dates=first.dates, market=first.market)


def _measure_market(histories: Iterable[History]) -> tuple[Window, EqualWeight]:
    first = next(iter(histories))
    window = Window(first.dates[0].astype(date), first.dates[-1].astype(date))
    return window, EqualWeight.of(histories, window)


class _Generated:
    """Histories that are made whenever they are gone through, and never all held."""

    def __init__(self, symbols: int) -> None:
        self._symbols = symbols

    def __iter__(self) -> Iterator[History]:
        return (history(number, _BARS) for number in range(self._symbols))


def _sweep_many(points: int, symbols: int) -> None:
    grid = [SmaCross(fast, slow) for slow in range(60, 260) for fast in range(5, 55)]
    with tempfile.TemporaryDirectory() as folder:
        sweep_to_files(_Generated(symbols), {"sma_cross": grid[:points]}, folder)


if __name__ == "__main__":
    _sweep_many(int(sys.argv[1]), int(sys.argv[2]))
    sys.stdout.write(json.dumps({"peak_mb": peak_mb()}) + "\n")
