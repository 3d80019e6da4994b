"""Backtests of a symbol with one bar more than there is: what is held, and what fills next.

The bar that comes is a placeholder with volume, at the last close. No strategy sees it: its signals
end with the bars that there are. So whatever the engine fills at its open has been decided.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from engine.failure import Failure
from engine.history import TradedHistory
from engine.orders import build_orders
from engine.settings import BacktestSettings
from engine.simulation import Simulation, simulate
from research.holdings import Holdings
from strategies.base import Bars, Bools, Floats, Ints, Signals, Strategy

_AMPLE_VOLUME = 1e18
"""Of the placeholder: how much of an order its bar will fill is not known, so all of it does."""


@dataclass(frozen=True, eq=False)
class BarAhead:
    """Backtests of some strategies on one symbol, simulated one bar ahead.

    Parameters
    ----------
    history
        The bars that there are.
    strategies
        Those that did not fail, one per row of the simulation.
    simulation
        Of T + 1 bars; the last one is the placeholder.
    failures
        Of the other strategies, or of the symbol.
    """

    history: TradedHistory
    strategies: Sequence[Strategy]
    simulation: Simulation
    failures: Sequence[Failure]

    @property
    def equity(self) -> Floats:
        """Cash and position at each close, as the engine gives them, to the bit; shape (n, T)."""
        return self.simulation.equity[:, :-1]

    def holdings(self, rows: Ints) -> Holdings:
        """Return what some rows hold of the bars that there are, the first of them as account 0."""
        simulation = self.simulation
        found = Holdings.of(simulation.trades, simulation.first, rows)
        return found.before(simulation.equity.shape[1] - 1)


def simulate_ahead(
    history: TradedHistory, strategies: Sequence[Strategy], settings: BacktestSettings
) -> BarAhead:
    """Return the backtests of a symbol with one bar more than there is."""
    unseeing = [_Unseeing(one, history.bars) for one in strategies]
    orders, backtests, failures = build_orders([_add_bar(history)], unseeing, settings)
    tested = [strategies[number] for _, number in backtests]
    return BarAhead(history, tested, simulate(orders), failures)


@dataclass(frozen=True, eq=False)
class _Unseeing(Strategy):
    """A strategy that gives no signal on the last bar, for it is shown the known ones only."""

    strategy: Strategy
    known: Bars

    def __post_init__(self) -> None:
        """Take the name of the strategy; there are no parameters to validate."""
        object.__setattr__(self, "name", self.strategy.name)

    @property
    def lookback_bars(self) -> int:
        """That of the strategy."""
        return self.strategy.lookback_bars

    def signals(self, bars: Bars) -> Signals:  # noqa: ARG002 - the last of them is made up
        """Return the signals on the known bars, and none on the last one."""
        given = self.strategy.signals(self.known)
        return Signals(_add_none(given.entries), _add_none(given.exits))


def _add_none(signals: Bools) -> Bools:
    return np.append(signals, np.zeros(1, dtype=np.asarray(signals).dtype))


def _add_bar(history: TradedHistory) -> TradedHistory:
    bars, close = history.bars, history.bars.close[-1]
    longer = {name: np.append(getattr(bars, name), close) for name in ("open", "close")}
    for name in ("high", "low"):  # they may be missing
        longer[name] = np.append(getattr(bars, name), np.nan if not history.has_range else close)
    added = Bars(**longer, volume=np.append(bars.volume, _AMPLE_VOLUME))
    spread = history.half_spread
    return replace(
        history,
        dates=np.append(history.dates, history.dates[-1] + 1),
        bars=added,
        half_spread=None if spread is None else np.append(spread, spread[-1]),
    )
