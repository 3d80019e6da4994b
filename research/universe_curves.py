"""The curve of a strategy over a universe: one portfolio of its accounts on all symbols."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engine.equal_weight import EqualWeight, count_days, find_held_days
from engine.history import TradedHistory
from engine.outcomes import BatchOutcome
from engine.settings import Window
from research.holdings import Holdings
from strategies.base import Floats, Ints, Strategy


@dataclass(frozen=True, eq=False)
class UniverseCurves:
    """Daily returns of N strategies over the same universe, and of the universe itself.

    Parameters
    ----------
    strategies
        Their parameters included; one row each.
    dates
        ``datetime64[D]``, ascending: every day of the window on which a symbol of the universe has
        a bar, or one with a result, shape (T,).
    returns
        Mean over the symbols that are held on a day of their accounts' returns, shape (N, T): a
        portfolio of all accounts, rebalanced daily to equal weights. A symbol is held as in
        `engine.equal_weight.EqualWeight`; one without a bar on a day counts with 0. The first day
        is against the capital. An account that has lost its capital, or more, stays at 0.
    exposure
        Share of the same portfolio that is in the market at the close before each day, shorts
        counted below 0, shape (N, T): what it has of that day's move is known before the day.
    activity
        Share of bars with a return other than 0, mean over symbols, shape (N,).
    symbols
        Number of symbols with a result, shape (N,).
    market
        Returns of the equal-weight universe on the same days, shape (T,).
    """

    strategies: Sequence[Strategy]
    dates: NDArray[np.datetime64]
    returns: Floats
    exposure: Floats
    activity: Floats
    symbols: Ints
    market: Floats


class UniverseCurveSum:
    """Adds up the returns of strategies, symbol by symbol, as batches are computed.

    Needs three numbers per strategy and calendar day, however many symbols there are. Symbols are
    added in the order of the batches: the same order gives the same bits, whatever the batches.

    Parameters
    ----------
    strategies
        Those of the batches, in their order.
    window
        That of the batches.
    """

    def __init__(self, strategies: Sequence[Strategy], window: Window) -> None:
        count, days = len(strategies), count_days(window)
        self._strategies, self._window = strategies, window
        self._total = np.zeros((count, days))
        self._change = np.zeros((count, days + 1), dtype=np.int32)
        self._entered = np.zeros((count, days + 1), dtype=np.int32)
        self._seen = np.zeros(days, dtype=np.bool_)
        self._active = np.zeros(count)
        self._symbols = np.zeros(count, dtype=np.int64)

    def add(self, outcome: BatchOutcome) -> None:
        """Add a batch whose matrices are still there: before its results are taken."""
        places = [
            (position, block, number)
            for block, one in enumerate(outcome.blocks)
            for number, position in enumerate(one.block.positions)
        ]
        for _, block, number in sorted(places):
            one = outcome.blocks[block]
            rows = np.flatnonzero(one.symbol_of == number)
            strategies = one.block.first_strategy + one.strategy_of[rows]
            holdings = Holdings.of(one.trades, one.first, rows)
            history = one.block.histories[number]
            self.add_accounts(history, strategies, one.measurement.returns[rows], holdings)

    def add_accounts(
        self, history: TradedHistory, strategies: Ints, returns: Floats, holdings: Holdings
    ) -> None:
        """Add the accounts of some strategies on one symbol.

        Parameters
        ----------
        strategies
            Their places among those of the sum, each once, shape (n,).
        returns
            Bar by bar, shape (n, bars in the window).
        holdings
            Of these accounts, bars counted from the window's first.
        """
        day, held_from, held_until = find_held_days(history, self._window)
        returns = close_lost(returns)
        if day[0] < held_from and len(day) > 1:
            # Not held yet: what it paid at its first close counts on the bar after it.
            returns = returns.copy()
            returns[:, 1] += returns[:, 0] * (1.0 + returns[:, 1])
            returns[:, 0] = 0.0
        self._seen[day] = True
        # By places in the whole, in one dimension: NumPy is several times as fast there.
        places = self._total.shape[1] * strategies[:, np.newaxis] + day
        self._total.ravel()[places] += returns
        self._change[strategies, held_from] += 1
        self._change[strategies, held_until] -= 1
        self._active[strategies] += (returns != 0.0).mean(axis=1)
        self._symbols[strategies] += 1
        first = self._entered.shape[1] * strategies[holdings.account]
        # Of the same dtype, for which NumPy's `at` is ten times as fast.
        entered, side = self._entered.ravel(), holdings.side.astype(np.int32)
        left = np.where(holdings.is_open, held_until, day[holdings.exit_bar] + 1)
        np.add.at(entered, first + day[holdings.entry_bar] + 1, side)
        np.subtract.at(entered, first + left, side)

    def curves(self, universe: EqualWeight) -> UniverseCurves:
        """Return the curves of what was added; a strategy without any result has zeros.

        They are on the days of the universe, whichever strategies have been added.
        """
        start, stop = self._window.days
        within = universe.dates[(universe.dates >= start) & (universe.dates < stop)]
        seen = self._seen.copy()
        seen[(within - start).astype(np.int64)] = True
        place = np.flatnonzero(seen)
        dates = start + place.astype("timedelta64[D]")
        held = np.maximum(self._change.cumsum(axis=1).take(place, axis=1), 1)
        return UniverseCurves(
            strategies=self._strategies,
            dates=dates,
            # `take` keeps each curve's days side by side: whatever sums them up later goes through
            # them in the same order, however many curves there are.
            returns=self._total.take(place, axis=1) / held,
            exposure=self._entered.cumsum(axis=1).take(place, axis=1) / held,
            activity=self._active / np.maximum(self._symbols, 1),
            symbols=self._symbols,
            market=universe.returns_on(dates),
        )


def close_lost(returns: Floats) -> Floats:
    """Return the returns of accounts with zeros after the capital is lost, as a short can.

    What the engine goes on with is a debt: returns on it mean nothing.
    """
    lost = returns <= -1.0
    if not lost.any():
        return returns
    rows = np.flatnonzero(lost.any(axis=1))
    after = np.arange(returns.shape[1]) > lost[rows].argmax(axis=1)[:, np.newaxis]
    closed = returns.copy()
    closed[rows] = np.where(after, 0.0, returns[rows])
    return closed


def compute_universe_curves(
    outcomes: Iterable[BatchOutcome],
    strategies: Sequence[Strategy],
    window: Window,
    universe: EqualWeight,
) -> UniverseCurves:
    """Return the curves of batches, such as those of `engine.sweeps.Sweep.batches`."""
    total = UniverseCurveSum(strategies, window)
    for outcome in outcomes:
        total.add(outcome)
    return total.curves(universe)
