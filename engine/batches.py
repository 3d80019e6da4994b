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

from engine.blocks import Block, BlockOutcome
from engine.equal_weight import EqualWeight
from engine.errors import UnusableBarsError
from engine.failure import Failure
from engine.history import History, TradedHistory
from engine.results import BacktestResult, BatchOutcome
from engine.settings import BacktestSettings, Window
from strategies.base import Floats, Strategy
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


def assemble(batch: Batch, outcomes: Sequence[BlockOutcome]) -> BatchOutcome:
    """Return the outcomes of a batch's blocks in the order of its symbols and strategies."""
    placed: list[tuple[tuple[int, int], BacktestResult]] = []
    failures = list(batch.failures)
    indicators = CacheStats()
    for block, outcome in zip(batch.blocks, outcomes, strict=True):
        # A symbol whose strategies are spread over blocks fails in each of them.
        failures += [failure for failure in outcome.failures if failure not in failures]
        indicators.add(outcome.indicators)
        for row, (symbol, strategy) in enumerate(outcome.backtests):
            position = (block.positions[symbol], block.first_strategy + strategy)
            placed.append((position, _build_result(block, outcome, row)))
    placed.sort(key=lambda one: one[0])
    return BatchOutcome([result for _, result in placed], failures, indicators)


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


def _build_result(block: Block, outcome: BlockOutcome, row: int) -> BacktestResult:
    symbol, strategy = outcome.backtests[row]
    history = block.histories[symbol]
    return BacktestResult(
        symbol=history.symbol,
        strategy=block.strategies[strategy],
        window=block.window,
        settings=block.settings,
        dates=history.dates[history.first :],
        close=history.bars.close[history.first :],
        warm_up=history.first,
        bars_per_year=block.settings.bars_per_year or history.bars_per_year,
        ended_early=history.ends_before(block.window),
        no_trades=_explain_no_trades(block.strategies[strategy], history),
        trades=outcome.trades[outcome.first[row] : outcome.first[row + 1]],
        measurement=outcome.measurement,
        row=row,
    )


def _explain_no_trades(strategy: Strategy, history: TradedHistory) -> str:
    """Return why a strategy cannot trade a history, if it can't; else what no trades are called."""
    bars, lookback_bars = len(history.dates), strategy.lookback_bars
    if bars <= lookback_bars:
        return f"no trades: {bars} bars are too few for a lookback of {lookback_bars}"
    if strategy.uses_volume and not history.bars.volume.any():
        return f"no trades: {history.symbol} has no volume, which {strategy.name} uses"
    return "no trades"
