"""What do stops cost?

The same signals without stops, with a stop-loss of 5 % and a take-profit of 10 %, and with a
trailing stop of 5 %, here and in vectorbt. The two fill stops differently (vectorbt fills one order
per bar, so a position cannot be stopped on the bar of its entry): only times are compared, and
there is no limit.
"""

import sys
from functools import partial
from typing import Any

from benchmarks.benchmark import Benchmark, Options, main
from benchmarks.engine.vectorbt_baseline import run_and_read
from benchmarks.harness import Contender, Timings, interleave
from benchmarks.replay import Replay
from benchmarks.report import Report, Table
from benchmarks.universe import universe
from benchmarks.vectorbt_portfolio import Frames, summary
from engine.backtest import VectorBTEngine
from engine.settings import BacktestSettings
from strategies.sma_cross import SmaCross

LEVELS: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "no stops": ({}, {}),
    "stop-loss and take-profit": (
        {"stop_loss": 0.05, "take_profit": 0.10},
        {"sl_stop": 0.05, "tp_stop": 0.10},
    ),
    "trailing stop": ({"trailing_stop": 0.05}, {"sl_stop": 0.05, "sl_trail": True}),
}
"""The levels as `BacktestSettings` names them, and as vectorbt does."""


def run(options: Options) -> Report:
    """Compare levels and libraries in the same rounds."""
    symbols, bars = (20, 252) if options.quick else (100, 756)
    timings = interleave(f"{symbols} x {bars}", _contenders(symbols, bars), options.rounds)
    columns = ["", "engine, us per backtest", "vectorbt, us per backtest", "times vectorbt's speed"]
    rows = [_row(level, timings, symbols) for level in LEVELS]
    return Report(tables=[Table(f"{symbols} symbols x {bars} bars, sma_cross", columns, rows)])


def _contenders(symbols: int, bars: int) -> dict[str, Contender]:
    histories = universe(symbols, bars)
    replay, frames = Replay.of(SmaCross(), histories), Frames.of(histories, SmaCross())
    contenders: dict[str, Contender] = {}
    for level, (own, theirs) in LEVELS.items():
        engine = VectorBTEngine(BacktestSettings(**own))
        contenders[f"engine, {level}"] = partial(run_and_read, histories, replay, engine)
        contenders[f"vectorbt, {level}"] = partial(summary, frames, **theirs)
    return contenders


def _row(level: str, timings: Timings, symbols: int) -> list[str]:
    own, theirs = f"engine, {level}", f"vectorbt, {level}"
    return [
        level,
        f"{timings.median(own) / symbols * 1e6:,.0f}",
        f"{timings.median(theirs) / symbols * 1e6:,.0f}",
        f"{timings.times_as_fast(own, theirs):.2f}",
    ]


BENCHMARK = Benchmark("stops", __doc__ or "", {}, run)

if __name__ == "__main__":
    sys.exit(main(BENCHMARK))
