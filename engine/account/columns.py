"""Accounts that differ only in who comes first, together: each a column of every array."""

from abc import ABC, abstractmethod
from collections.abc import Iterator

import numpy as np

from engine.account.book import is_cash_the_limit
from engine.account.market import AccountMarket
from engine.account.rules import AccountRules, Targets
from engine.account.schedule import Schedule
from engine.costs import PercentageCosts
from strategies.base import Bools, Floats, Ints


class Columns(ABC):
    """K accounts that are only long; arrays of them have one column, or element, per account.

    What they do is what `engine.account.simulation` does with one, to rounding.
    """

    def __init__(
        self,
        market: AccountMarket,
        targets: Targets,
        rules: AccountRules,
        costs: PercentageCosts,
        places: Floats,
    ) -> None:
        self.market, self.targets, self.rules = market, targets, rules
        self.buys = (1.0 + costs.slippage) * (1.0 + costs.fees)
        self.sells = (1.0 - costs.slippage) * (1.0 - costs.fees)
        self.places = np.ascontiguousarray(places.T)
        self.count = len(places)
        self.shares = np.zeros((targets.shape[1], self.count))
        self.cash = np.full(self.count, float(rules.capital))
        self.positions: Ints = np.zeros(self.count, dtype=np.int64)
        self.equity = np.full((len(targets), self.count), float(rules.capital))
        self.known = market.first

    def run(self) -> Floats:
        """Return the equity at each close, shape (T, K)."""
        schedule = Schedule.of(self.targets, self.market)
        rebalance = self.rules.rebalance.tolist()
        for bar in range(self.market.first + 1, len(self.equity)):
            changes = schedule.symbol[schedule.first[bar] : schedule.first[bar + 1]]
            if len(changes) or rebalance[bar - 1]:
                self._trade(bar, changes)
            if bar in schedule.ending:
                self._mark_until(bar)
                for one in schedule.ending[bar].tolist():
                    self._sell(one, self.market.close.item(bar, one))
        self._mark_until(len(self.equity))
        return self.equity

    def _trade(self, bar: int, changes: Ints) -> None:
        wanted = self.targets[bar - 1, changes] != 0
        self._mark_until(bar)
        for one in changes[~wanted].tolist():
            self._sell(one, self.market.open.item(bar, one))
        self._increase(bar, changes, changes[wanted])

    @abstractmethod
    def _increase(self, bar: int, changes: Ints, wanted: Ints) -> None:
        """Trade what is not a sale of a whole position.

        Parameters
        ----------
        changes, wanted
            Symbols whose target has changed, and those of them that are to be held.
        """

    def _sell(self, symbol: int, price: float) -> None:
        held = self.shares[symbol]
        has = held > 0
        if has.any():
            self.cash += held * (price * self.sells)
            self.positions -= has
            held[:] = 0.0

    def _mark_until(self, bar: int) -> None:
        start, self.known = self.known, bar
        if start < bar:
            self.equity[start:bar] = self.cash + self._value(self.market.close[start:bar])

    def _value(self, prices: Floats) -> Floats:
        """Return what positions are worth at prices of all symbols, (n, S) -> (n, K).

        Of the symbols that an account holds: not by BLAS, whose sums depend on the processor.
        """
        held = np.flatnonzero(self.shares.any(axis=1))
        return np.einsum("ns,sk->nk", prices.take(held, axis=1), self.shares[held])


class SlotColumns(Columns):
    """Accounts of equal slots, in which nothing but signals, slots and cash decide."""

    def _increase(self, bar: int, changes: Ints, wanted: Ints) -> None:  # noqa: ARG002
        if len(wanted) and (self.positions < self.rules.slots).any():
            self._buy(bar, wanted)

    def _buy(self, bar: int, symbols: Ints) -> None:
        """Let each account enter symbols by its own order, as far as places and cash go."""
        value = float(self.rules.weigher.unit or 0.0) * np.maximum(self.equity[bar - 1], 0.0)
        wanted = value / self.market.close[bar - 1, symbols][:, None]
        price = self.market.open[bar, symbols]
        paid = price * self.buys
        least, column = self.rules.minimum_fill, np.arange(self.count)
        for row in self._sort(symbols):
            symbol = symbols[row]
            size, most = wanted[row, column], self.cash / paid[row]
            got = np.minimum(size, np.maximum(most, 0.0))
            fits = (self.positions < self.rules.slots) & (self.shares[symbol, column] == 0)
            taken: Bools = fits & (got > 0) & (got >= least * size)
            got[~taken] = 0.0
            self.cash -= got * paid[row]
            self.shares[symbol, column] += got
            self.positions += taken

    def _sort(self, symbols: Ints) -> Iterator[Ints]:
        """Yield of each account which of the symbols comes first, second and so on."""
        if len(symbols) == 1:
            yield np.zeros(self.count, dtype=np.int64)
            return
        yield from np.argsort(self.places[symbols], axis=0, kind="stable")


class JointColumns(Columns):
    """Accounts that weigh all positions at once, with a place for each symbol.

    All of them want the same weights then; what they hold differs where cash or a limit is used up.
    """

    def _increase(self, bar: int, changes: Ints, wanted: Ints) -> None:  # noqa: ARG002
        if self.rules.rebalance[bar - 1] or (self.rules.on_signal and len(changes)):
            traded = np.isfinite(self.market.open[bar])
            symbols = np.flatnonzero((self.targets[bar - 1] != 0) & traded)
            if len(symbols):
                self._rebalance(bar, symbols)

    def _rebalance(self, bar: int, symbols: Ints) -> None:
        """Reduce positions, increase others by the order of each account, then enter."""
        held, change = self.shares[symbols], self._find_changes(bar, symbols)
        less = np.minimum(change, 0.0)
        price = self.market.open[bar, symbols][:, None]
        self.cash -= (less * price).sum(axis=0) * self.sells
        self.shares[symbols] += less
        self.shares[symbols] += self._buy(bar, symbols, np.maximum(change, 0.0), held > 0)

    def _find_changes(self, bar: int, symbols: Ints) -> Floats:
        """Return the shares that positions are to grow by, negative to shrink, shape (n, K)."""
        rules, decided = self.rules, bar - 1
        weights = np.minimum(self._weigh(bar, symbols), rules.limits.weight)
        equity, close = self.equity[decided], self.market.close[decided, symbols][:, None]
        held = self.shares[symbols]
        change = weights * np.maximum(equity, 0.0) / close - held
        if rules.band:
            small = np.abs(change) * close <= rules.band * equity
            change[small & (held > 0)] = 0.0
        return change

    def _weigh(self, bar: int, symbols: Ints) -> Floats:
        """Return the weights of symbols that open, shape (n, K), or (n, 1) if all have the same.

        What an account holds and what does not open keeps its weight.
        """
        decided = bar - 1
        wanted = self.targets[decided] != 0
        halted = np.flatnonzero(wanted & ~np.isfinite(self.market.open[bar]))
        holds = self.shares[halted] > 0
        patterns, of_account = np.unique(holds, axis=1, return_inverse=True)
        weights = np.empty((len(symbols), patterns.shape[1]))
        for column, pattern in enumerate(patterns.T):
            some = np.sort(np.append(symbols, halted[pattern]))
            targets = self.targets[decided, some].astype(np.float64)
            found = self.rules.weigher.weigh(decided, some, targets)
            weights[:, column] = np.abs(found)[np.searchsorted(some, symbols)]
        return weights[:, of_account.ravel()] if patterns.shape[1] > 1 else weights

    def _buy(self, bar: int, symbols: Ints, asked: Floats, held: Bools) -> Floats:
        """Return the shares that are bought, shape (n, K); who is held already comes first."""
        order = np.argsort(self.places[symbols] + len(self.places) * ~held, axis=0)
        price = self.market.open[bar, symbols][order]
        asked = np.take_along_axis(asked, order, axis=0)
        held = np.take_along_axis(held, order, axis=0)
        least = np.where(held, 0.0, self.rules.minimum_fill) * asked
        whole, single = self._find_allowances(bar, symbols, order)
        got = np.zeros_like(asked)
        for row in np.flatnonzero(asked.any(axis=1)).tolist():
            paid = price[row] * self.buys
            room = np.maximum(np.minimum(np.minimum(self.cash, whole), single[row]), 0.0)
            some = np.minimum(asked[row], room / paid)
            some[some < least[row]] = 0.0
            self.cash -= some * paid
            whole -= some * price[row]
            got[row] = some
        bought = np.empty_like(got)
        np.put_along_axis(bought, order, got, axis=0)
        return bought

    def _find_allowances(self, bar: int, symbols: Ints, order: Ints) -> tuple[Floats, Floats]:
        """Return the money that limits leave for all, shape (K,), and for each, shape (n, K)."""
        limits, mark = self.rules.limits, self.market.mark(bar)
        gross = self._value(mark[np.newaxis])[0]
        equity = self.cash + gross
        whole = min(limits.gross, limits.net_high) * equity - gross
        single = limits.weight * equity - mark[symbols][:, None] * self.shares[symbols]
        if is_cash_the_limit(limits):
            whole[:], single[:] = np.inf, np.inf
        return whole, np.take_along_axis(single, order, axis=0)
