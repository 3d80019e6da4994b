"""A block: symbols with the same number of bars, simulated and measured as one matrix.

The matrix has one row per backtest and one column per bar, so nothing is padded. What a backtest
gives does not depend on its block.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from engine.failure import Failure
from engine.history import TradedHistory
from engine.metrics.inputs import Sample
from engine.metrics.measurement import Measurement, measure
from engine.orders import orders_of
from engine.positions import Ints
from engine.settings import BacktestSettings, Window
from engine.simulation import Trades, simulate
from strategies.base import Floats, Strategy
from strategies.indicator_cache import CacheStats


@dataclass(frozen=True)
class Block:
    """Histories with the same number of bars in the window, to run under some strategies.

    Parameters
    ----------
    universe_returns
        As in `engine.metrics.inputs.MetricInputs`.
    places, first_strategy
        The places of the histories, and of the first strategy, among those of the batch.
    """

    histories: Sequence[TradedHistory]
    strategies: Sequence[Strategy]
    window: Window
    settings: BacktestSettings
    universe_returns: Floats | None
    places: Sequence[int]
    first_strategy: int

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
        How many indicators were computed, and how many taken from the cache.
    """

    made: list[tuple[int, int]]
    trades: Trades
    first: Ints
    measurement: Measurement
    failures: list[Failure]
    indicators: CacheStats


def run_block(block: Block) -> BlockOutcome:
    """Simulate and measure a block."""
    indicators = CacheStats()
    orders, made, failures = orders_of(
        block.histories, block.strategies, block.settings, indicators
    )
    simulation = simulate(orders)
    measurement = measure(Sample(simulation, block.universe_returns))
    return BlockOutcome(
        made, simulation.trades, simulation.first, measurement, failures, indicators
    )
