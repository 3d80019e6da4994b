"""Where does the time of a backtest go?

Nine strategies, with a clock read between the stages of each block, in the order of `run_batch`:
histories checked and cut to the window, signals and orders, simulation, metrics. The rest of the
time of `run_batch` is the creation of results and the reading of their metrics as dicts. There is
no limit.
"""

import sys
import time
from collections.abc import Callable, Sequence
from functools import partial
from statistics import median
from typing import TypeVar

from benchmarks.benchmark import Benchmark, Options, main
from benchmarks.harness import interleave
from benchmarks.report import Report, Table
from benchmarks.universe import WINDOW, nine_strategies, universe
from engine.backtest import VectorBTEngine
from engine.batches import BatchSpec, split_batches
from engine.history import History
from engine.metrics.inputs import MetricInputs
from engine.metrics.measurement import Measurement
from engine.orders import build_orders
from engine.simulation import simulate

STAGES = ("histories", "signals", "simulation", "metrics")

ALL = "run_batch and reading"
STAGED = "stage by stage"

Answer = TypeVar("Answer")


def run(options: Options) -> Report:
    """Time the stages on short and on long histories."""
    sizes = [(5, 252)] if options.quick else [(110, 252), (100, 756), (100, 2520)]
    rows = [_row(symbols, bars, options.rounds) for symbols, bars in sizes]
    return Report(
        tables=[Table("Microseconds per backtest", ["Bars", *STAGES, "results", "all"], rows)]
    )


def _row(symbols: int, bars: int, rounds: int) -> list[str]:
    histories, engine = universe(symbols, bars), VectorBTEngine()
    passes: list[_Pass] = []
    contenders = {
        ALL: partial(_run, engine, histories),
        STAGED: lambda: passes.append(_staged(engine, histories)),
    }
    timings = interleave(f"stages of {symbols} x {bars:,} x 9", contenders, rounds)
    # Without the first pass, which was the warm-up.
    stages = [median(one.seconds[stage] for one in passes[1:]) for stage in STAGES]
    whole = timings.median(ALL)
    steps = [*stages, max(0.0, whole - sum(stages)), whole]
    backtests = symbols * len(nine_strategies())
    return [f"{bars:,}", *(f"{step / backtests * 1e6:,.1f}" for step in steps)]


def _run(engine: VectorBTEngine, histories: Sequence[History]) -> None:
    for result in engine.run_batch(histories, nine_strategies(), WINDOW).results:
        _ = result.metrics, result.trades


def _staged(engine: VectorBTEngine, histories: Sequence[History]) -> "_Pass":
    """Go through the stages that `engine.blocks.run_block` goes through."""
    spec = BatchSpec(nine_strategies(), WINDOW, engine.settings)
    clock = _Pass()
    batches = split_batches(histories, spec, engine.memory_budget)
    while batch := clock.during("histories", lambda: next(batches, None)):
        for block in batch.blocks:
            given = (block.histories, block.strategies, block.settings)
            orders, _, _ = clock.during("signals", partial(build_orders, *given))
            simulation = clock.during("simulation", partial(simulate, orders))
            clock.during("metrics", Measurement(MetricInputs(simulation)).settle)
    return clock


class _Pass:
    """The seconds that each stage took in one pass."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = dict.fromkeys(STAGES, 0.0)

    def during(self, stage: str, work: Callable[[], Answer]) -> Answer:
        """Do the work, and add its time to the stage."""
        start = time.perf_counter()
        answer = work()
        self.seconds[stage] += time.perf_counter() - start
        return answer


BENCHMARK = Benchmark("stages", __doc__ or "", {}, run)

if __name__ == "__main__":
    sys.exit(main(BENCHMARK))
