"""How work is divided into batches and blocks, the two units of work.

- A *batch* is a few consecutive symbols under all strategies. Results are returned batch by batch.
- A *block* is the part of a batch that is simulated and measured as one matrix: symbols with the
  same number of bars in the window, under all strategies or some of them (`engine.blocks`).

Their sizes follow from a memory budget, never from the size of the universe, and no result depends
on them.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from engine.blocks import Block, run_block
from engine.equal_weight import EqualWeight
from engine.errors import UnusableBarsError
from engine.failure import Failure
from engine.history import History, TradedHistory
from engine.outcomes import BatchOutcome
from engine.settings import BacktestSettings, Window
from strategies.base import Floats, Ints, Strategy
from strategies.indicator_cache import CacheStats

# What a backtest needs for each of its bars while it is simulated and measured: 13 arrays of
# eight bytes at once, and signals. The budget is a guide; benchmarks/engine/memory.py is the bound.
_BYTES_PER_BAR = 128


@dataclass(frozen=True)
class BatchSpec:
    """What all backtests of a run share."""

    strategies: Sequence[Strategy]
    window: Window
    settings: BacktestSettings
    universe: EqualWeight | None = None


@dataclass(frozen=True)
class Batch:
    """A few consecutive symbols, divided into blocks.

    Parameters
    ----------
    blocks
        Each with the positions of its symbols in this batch.
    failures
        The symbols without bars in the window.
    """

    blocks: list[Block]
    failures: list[Failure]


def split_batches(
    histories: Iterable[History], spec: BatchSpec, memory_budget: int
) -> Iterator[Batch]:
    """Yield batches whose blocks need about `memory_budget` bytes, in the order of the histories.

    Histories are taken from the iterable as they are needed, those of later batches later.
    """
    usable: list[TradedHistory] = []
    failures: list[Failure] = []
    size = 0
    for history in histories:
        try:
            cut = history.cut_to(spec.window)
        except UnusableBarsError as error:
            failures.append(Failure.of(history.symbol, error))
            continue
        need = cut.traded_bars * len(spec.strategies) * _BYTES_PER_BAR
        if usable and size + need > memory_budget:
            yield Batch(list(_split_blocks(usable, spec, memory_budget)), failures)
            usable, failures, size = [], [], 0
        usable.append(cut)
        size += need
    if usable or failures:
        yield Batch(list(_split_blocks(usable, spec, memory_budget)), failures)


def run(batch: Batch) -> BatchOutcome:
    """Return the outcome of a batch, in the order of its symbols and strategies."""
    outcomes = [run_block(block) for block in batch.blocks]
    failures = list(batch.failures)
    indicators = CacheStats()
    places: list[Ints] = []
    for block, outcome in zip(batch.blocks, outcomes, strict=True):
        # A symbol whose strategies are spread over blocks fails in each of them.
        failures += [failure for failure in outcome.failures if failure not in failures]
        indicators.add(outcome.indicators)
        symbol = np.array(block.positions)[outcome.symbol_of]
        places.append(np.stack([block.first_strategy + outcome.strategy_of, symbol]))
    order = np.lexsort(np.concatenate(places, axis=1)) if places else np.empty(0, np.int64)
    return BatchOutcome(outcomes, order, failures, indicators)


def _split_blocks(
    histories: Sequence[TradedHistory], spec: BatchSpec, memory_budget: int
) -> Iterator[Block]:
    by_bars: dict[int, list[int]] = {}
    for position, history in enumerate(histories):
        by_bars.setdefault(history.traded_bars, []).append(position)
    for bars, positions in by_bars.items():
        alike = [histories[position] for position in positions]
        universe = _compute_universe_returns(alike, spec)
        # Only a sweep on one symbol can still exceed the budget.
        step = max(1, memory_budget // (bars * len(positions) * _BYTES_PER_BAR))
        for first in range(0, len(spec.strategies), step):
            some = spec.strategies[first : first + step]
            yield Block(alike, some, spec.window, spec.settings, universe, positions, first)


def _compute_universe_returns(histories: Sequence[TradedHistory], spec: BatchSpec) -> Floats | None:
    universe = spec.universe
    if universe is None:
        return None
    return np.stack([universe.returns_on(history.dates[history.first :]) for history in histories])
