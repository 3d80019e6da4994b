"""What strategies did over a universe: residual curves, and the positions behind them."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from engine.backtest import VectorBTEngine
from engine.blocks import BlockOutcome
from engine.equal_weight import EqualWeight
from engine.failure import Failure
from engine.history import History
from engine.settings import BacktestSettings, Window
from research.failures import add_failures
from research.residuals import hedge_across_folds
from research.robustness.random_entries import SymbolPositions
from research.universe_curves import UniverseCurveSum
from strategies.base import Bars, Floats, Ints, Strategy


@dataclass(frozen=True, eq=False)
class SimulatedUniverse:
    """N strategies over a universe.

    Parameters
    ----------
    dates, market
        Days and returns of the equal-weight universe, shape (T,).
    residuals
        As verdicts judge them, see `research.residuals.hedge_across_folds`, shape (N, T).
    symbols
        Number of symbols with a result, shape (N,).
    positions
        Per strategy those on each symbol that it was tested on.
    growth
        Per strategy and symbol with trades, what each trade made of one unit of the account.
    """

    dates: NDArray[np.datetime64]
    market: Floats
    residuals: Floats
    symbols: Ints
    positions: Sequence[Sequence[SymbolPositions]] = field(default=())
    growth: Sequence[Sequence[Floats]] = field(default=())


def simulate_universe(
    histories: Sequence[History],
    strategies: Sequence[Strategy],
    settings: BacktestSettings,
    window: Window,
    *,
    universe: EqualWeight | None = None,
    keep_trades: bool = False,
    failures: list[Failure] | None = None,
) -> SimulatedUniverse:
    """Return what strategies make of histories.

    Parameters
    ----------
    universe
        What residuals are against; None for that of the histories in the window.
    keep_trades
        Whether positions and growth are wanted.
    failures
        What could not be tested is added to them, each symbol and strategy once.

    Raises
    ------
    UnusableBarsError
        When no symbol has usable bars in the window.
    """
    market = universe or EqualWeight.of(histories, window)
    total = UniverseCurveSum(strategies, window)
    positions: list[list[SymbolPositions]] = [[] for _ in strategies]
    growth: list[list[Floats]] = [[] for _ in strategies]
    for outcome in VectorBTEngine(settings).run_batches(histories, strategies, window, market):
        total.add(outcome)
        if failures is not None:
            add_failures(failures, outcome.failures)
        if keep_trades:
            for block in outcome.blocks:
                _collect(block, settings, positions, growth)
    curves = total.curves(market)
    residuals = hedge_across_folds(curves.returns, curves.market)
    return SimulatedUniverse(
        curves.dates, curves.market, residuals, curves.symbols, positions, growth
    )


def _collect(
    outcome: BlockOutcome,
    settings: BacktestSettings,
    positions: list[list[SymbolPositions]],
    growth: list[list[Floats]],
) -> None:
    """Add the trades of each backtest of a block to those of its strategy."""
    prices = [_price_fills(one.bars, one.first, settings) for one in outcome.block.histories]
    first = outcome.first.tolist()
    for row, (symbol, strategy) in enumerate(
        zip(outcome.symbol_of.tolist(), outcome.strategy_of.tolist(), strict=True)
    ):
        trades, price = outcome.trades[first[row] : first[row + 1]], prices[symbol]
        number = outcome.block.first_strategy + strategy
        closed = trades["status"] == 1
        exits = np.where(closed, trades["exit_idx"], len(price) - 1).astype(np.int64)
        side = np.where(trades["direction"] == 0, 1, -1)
        entries = trades["entry_idx"].astype(np.int64)
        history = outcome.block.histories[symbol]
        spread = None if history.half_spread is None else history.half_spread[history.first :]
        positions[number].append(SymbolPositions(price, entries, exits, side, spread))
        if len(trades):
            capital = trades["size"] * trades["entry_price"] + trades["entry_fees"]
            growth[number].append(1.0 + trades["pnl"] / capital)


def _price_fills(bars: Bars, first: int, settings: BacktestSettings) -> Floats:
    name = "close" if settings.execution == "same_close" else "open"
    return np.append(getattr(bars, name)[first:], bars.close[-1])
