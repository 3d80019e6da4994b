"""The unit of work: a few symbols under all strategies, simulated and measured as one matrix.

A block is a matrix of one row a backtest and one column a bar, so its symbols have the same
number of bars in the window and nothing is padded. Its size follows from a memory budget, never
from the size of the universe; what a backtest gives does not depend on its block.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from engine.equal_weight import EqualWeight
from engine.errors import UnusableBarsError
from engine.failure import Failure
from engine.history import History, TradedHistory
from engine.metrics.inputs import Sample
from engine.metrics.measurement import Measurement, measure
from engine.orders import orders_of
from engine.positions import Ints
from engine.settings import BacktestSettings, Window
from engine.simulation import Trades, simulate
from strategies.base import Floats, Strategy
from strategies.indicator_cache import Tally, tallied

# What a backtest needs for each of its bars while it is simulated and measured: 13 arrays of
# eight bytes at once, and signals. The budget is a guide; benchmarks/engine/memory.py is the bound.
_BYTES_A_BAR = 128


@dataclass(frozen=True)
class Terms:
    """What all backtests of a batch share."""

    strategies: Sequence[Strategy]
    window: Window
    settings: BacktestSettings
    universe: EqualWeight | None = None


@dataclass(frozen=True)
class Block:
    """Histories with the same number of bars in the window, to run under some strategies."""

    histories: Sequence[TradedHistory]
    strategies: Sequence[Strategy]
    window: Window
    settings: BacktestSettings
    universe_returns: Floats | None

    @property
    def size(self) -> int:
        """Bars times backtests."""
        return sum(history.traded_bars for history in self.histories) * len(self.strategies)


@dataclass(frozen=True)
class BlockOutcome:
    """What a block gave.

    Parameters
    ----------
    made
        The (history, strategy) of each backtest, by their places in the block.
    trades, first
        As in `engine.simulation.Simulation`.
    measurement
        The metrics of the backtests.
    failures
        What failed, by symbol and strategy.
    indicators
        How often an indicator was at hand, and how often it had to be computed.
    """

    made: list[tuple[int, int]]
    trades: Trades
    first: Ints
    measurement: Measurement
    failures: list[Failure]
    indicators: Tally


def run_block(block: Block) -> BlockOutcome:
    """Simulate and measure a block."""
    with tallied() as indicators:
        orders, made, failures = orders_of(block.histories, block.strategies, block.settings)
    simulation = simulate(orders)
    measurement = measure(Sample(simulation, block.universe_returns))
    return BlockOutcome(
        made, simulation.trades, simulation.first, measurement, failures, indicators
    )


@dataclass(frozen=True)
class Chunk:
    """Some symbols that follow one another, as the blocks they are run in.

    Parameters
    ----------
    blocks
        Of each block: the place of its first strategy, the places of its histories among those
        of the chunk, and the block.
    failures
        The symbols without bars in the window.
    """

    blocks: list[tuple[int, list[int], Block]]
    failures: list[Failure]


def chunks(histories: Iterable[History], terms: Terms, budget: int) -> Iterator[Chunk]:
    """Yield the histories in chunks whose blocks need about `budget` bytes, in their order.

    Histories are taken as they are needed: those of a later chunk need not be in memory yet.
    """
    usable: list[TradedHistory] = []
    failures: list[Failure] = []
    size = 0
    for history in histories:
        try:
            cut = history.up_to_end_of(terms.window)
        except UnusableBarsError as error:
            failures.append(Failure.of(history.symbol, error))
            continue
        need = _need(cut, terms)
        if usable and size + need > budget:
            yield Chunk(list(_blocks(usable, terms, budget)), failures)
            usable, failures, size = [], [], 0
        usable.append(cut)
        size += need
    if usable or failures:
        yield Chunk(list(_blocks(usable, terms, budget)), failures)


def _need(history: TradedHistory, terms: Terms) -> int:
    return history.traded_bars * len(terms.strategies) * _BYTES_A_BAR


def _blocks(
    histories: Sequence[TradedHistory], terms: Terms, budget: int
) -> Iterator[tuple[int, list[int], Block]]:
    by_bars: dict[int, list[int]] = {}
    for place, history in enumerate(histories):
        by_bars.setdefault(history.traded_bars, []).append(place)
    for bars, places in by_bars.items():
        together = [histories[place] for place in places]
        universe = _universe_returns(together, terms)
        # Only a sweep on one symbol can be too much for the budget still.
        step = max(1, budget // (bars * len(places) * _BYTES_A_BAR))
        for first in range(0, len(terms.strategies), step):
            some = terms.strategies[first : first + step]
            yield first, places, Block(together, some, terms.window, terms.settings, universe)


def _universe_returns(histories: Sequence[TradedHistory], terms: Terms) -> Floats | None:
    universe = terms.universe
    if universe is None:
        return None
    return np.stack([universe.returns_on(history.dates[history.first :]) for history in histories])
