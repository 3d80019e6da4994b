"""A block: symbols with the same number of bars, simulated and measured as one matrix.

The matrix has one row per backtest and one column per bar, so nothing is padded. A backtest's
result does not depend on its block.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from engine.failure import Failure
from engine.history import TradedHistory
from engine.metrics.inputs import MetricInputs
from engine.metrics.measurement import Measurement
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


@dataclass(frozen=True)
class BlockOutcome:
    """What a block produced.

    Parameters
    ----------
    block
        What was run.
    symbol_of, strategy_of
        The history and the strategy of each backtest, by their positions in the block, shape (N,).
    trades, first
        As in `engine.simulation.Simulation`.
    measurement
        The metrics of the backtests.
    failures
        By symbol and strategy.
    indicators
        How many indicators were computed, and how many were cached.
    equity
        At each close, shape (N, T), where trades do not tell it; else None.
    """

    block: Block
    symbol_of: Ints
    strategy_of: Ints
    trades: Trades
    first: Ints
    measurement: Measurement
    failures: list[Failure]
    indicators: CacheStats
    equity: Floats | None = None


def run_block(block: Block) -> BlockOutcome:
    """Simulate and measure a block."""
    indicators = CacheStats()
    orders, backtests, failures = build_orders(
        block.histories, block.strategies, block.settings, indicators
    )
    simulation = simulate(orders)
    return BlockOutcome(
        block,
        orders.symbol_of,
        np.array([strategy for _, strategy in backtests], dtype=np.int64),
        simulation.trades,
        simulation.first,
        Measurement(MetricInputs(simulation, block.universe_returns)),
        failures,
        indicators,
        None if simulation.ledger is None else simulation.equity,
    )
