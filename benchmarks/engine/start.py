"""How long does a fresh process take to finish its first universe?

From process start to 100 symbols x 756 bars x 9 strategies, metrics and trades read, against a
process that only imports polars, NumPy and TA-Lib, which the process of a run has to import anyway.
Bars are generated inside the process. Bytecode of the engine and the strategies is compiled
beforehand, as an installation does. The import of vectorbt is shown for comparison: the engine does
not need it.
"""

import compileall
import subprocess
import sys
from functools import partial
from pathlib import Path

from benchmarks.benchmark import Benchmark, Options, main
from benchmarks.harness import Timings, interleave
from benchmarks.report import Report, Table, Verdict

IMPORTS = "import polars, numpy, talib"
READY = "import the engine and its strategies"
DONE = "until a universe is done"
VECTORBT = "import vectorbt"

_ROOT = Path(__file__).parents[2]

_READY = """
from engine.backtest import VectorBTEngine
from strategies.registry import registered_strategies
"""

_DONE = """
import numpy as np
from datetime import date
from engine.backtest import VectorBTEngine
from engine.history import History
from engine.settings import Window
from strategies.base import Bars
from strategies.registry import registered_strategies

names = ["sma_cross", "rsi", "macd", "bollinger", "momentum", "ema_cross", "mean_reversion",
         "breakout", "volume_momentum"]
random = np.random.default_rng(1)
shape = ({symbols}, {bars})
close = 100.0 * np.exp(np.cumsum(random.normal(0.0005, 0.02, shape), axis=1))
opening = close * (1.0 + random.normal(0.0, 0.005, shape))
high, low = np.maximum(opening, close) * 1.004, np.minimum(opening, close) * 0.996
volume = random.lognormal(13.0, 0.6, shape)
days = np.busday_offset(np.datetime64("2000-01-03"), np.arange(shape[1]))
histories = [
    History(f"S{{number}}", days, Bars(*rows))
    for number, rows in enumerate(zip(opening, high, low, close, volume))
]
strategies = [registered_strategies()[name]() for name in names]
window = Window(date(2000, 1, 1), date(2099, 12, 31))
outcome = VectorBTEngine().run_batch(histories, strategies, window)
assert len(outcome.results) == len(histories) * len(names), outcome.failures[:3]
for result in outcome.results:
    result.metrics, result.trades
"""


def run(options: Options) -> Report:
    """Start processes of each kind in turn."""
    symbols, bars = (10, 252) if options.quick else (100, 756)
    for package in ("engine", "strategies"):
        compileall.compile_dir(_ROOT / package, quiet=1)
    programs = {
        IMPORTS: "import polars, numpy, talib",
        READY: _READY,
        DONE: _DONE.format(symbols=symbols, bars=bars),
    }
    if not options.quick:
        programs[VECTORBT] = "import vectorbt"
    timings = interleave(
        "processes",
        {name: partial(_run, program) for name, program in programs.items()},
        options.rounds,
    )
    what = f"Process start to {symbols:,} x {bars:,} x 9 done, times the imports of {IMPORTS[7:]}"
    measured = timings.ratio(DONE, IMPORTS)
    verdict = Verdict(what, measured, "below", options.limits["times_imports"], "x")
    return Report([verdict], [_table(timings)])


def _run(program: str) -> None:
    subprocess.run([sys.executable, "-c", program], cwd=_ROOT, check=True)


def _table(timings: Timings) -> Table:
    rows = [
        [
            name,
            f"{timings.median(name):.2f}",
            f"{timings.ratio(name, IMPORTS):.2f}",
            f"{timings.spread(name):.0%}",
        ]
        for name in timings.seconds
    ]
    return Table("From process start to its end", ["Process", "s", "times imports", "spread"], rows)


BENCHMARK = Benchmark("start", __doc__ or "", {"times_imports": 2.0}, run)

if __name__ == "__main__":
    sys.exit(main(BENCHMARK))
