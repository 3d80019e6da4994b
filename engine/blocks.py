"""A block: symbols with the same number of bars, simulated and measured as one matrix.

The matrix has one row per backtest and one column per bar, so nothing is padded. A backtest's
result does not depend on its block.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from engine.failure import Failure
from engine.history import TradedHistory
from engine.metrics.inputs import MetricInputs
from engine.metrics.measurement import Measurement, measure
from engine.orders import build_orders
from engine.settings import BacktestSettings, Window
from engine.simulation import Trades, simulate
from strategies.base import Floats, Ints, Strategy
from strategies.indicator_cache import CacheStats


@dataclass(frozen=True)
class Block:
    """Histories with the same number of bars in the window, to run under some strategies.

    Parameters
    ----------
    universe_returns
        As in `engine.metrics.inputs.MetricInputs`.
    positions, first_strategy
        Positions of the histories, and of the first strategy, among those of the batch.
    """

    histories: Sequence[TradedHistory]
    strategies: Sequence[Strategy]
    window: Window
    settings: BacktestSettings
    universe_returns: Floats | None
    positions: Sequence[int]
    first_strategy: int

    @property
    def size(self) -> int:
        """Bars times backtests."""
        return sum(history.traded_bars for history in self.histories) * len(self.strategies)


@dataclass(frozen=True)
class BlockOutcome:
    """What a block produced.

    Parameters
    ----------
    backtests
        The (history, strategy) of each, by their positions in the block.
    trades, first
        As in `engine.simulation.Simulation`.
    measurement
        The metrics of the backtests.
    failures
        By symbol and strategy.
    indicators
        How many indicators were computed, and how many were cached.
    """

    backtests: list[tuple[int, int]]
    trades: Trades
    first: Ints
    measurement: Measurement
    failures: list[Failure]
    indicators: CacheStats


def run_block(block: Block) -> BlockOutcome:
    """Simulate and measure a block."""
    indicators = CacheStats()
    orders, backtests, failures = build_orders(
        block.histories, block.strategies, block.settings, indicators
    )
    simulation = simulate(orders)
    measurement = measure(MetricInputs(simulation, block.universe_returns))
    return BlockOutcome(
        backtests, simulation.trades, simulation.first, measurement, failures, indicators
    )
