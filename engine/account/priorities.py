"""Accounts that differ only in who comes first: many at once, each a column of every array."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from engine.account.book import is_cash_the_limit
from engine.account.market import AccountMarket
from engine.account.rules import AccountRules, Targets
from engine.account.schedule import Schedule
from engine.account.simulation import simulate_account
from engine.costs import CostModel, PercentageCosts
from strategies.base import Bools, Floats, Ints


@dataclass(frozen=True, eq=False)
class DrawnRank:
    """Ranks that are the same on every bar: the place of each symbol in an order, shape (S,)."""

    places: Floats

    def __call__(self, bar: int, symbols: Ints) -> Floats:  # noqa: ARG002
        """Return the places of symbols."""
        return self.places[symbols]


def simulate_orders(
    market: AccountMarket,
    targets: Targets,
    rules: AccountRules,
    costs: CostModel,
    places: Floats,
) -> Floats:
    """Return the equity at each close of accounts that rank symbols by a given order each.

    They are those of `engine.account.simulation.simulate_account` with `DrawnRank`. Accounts of
    equal slots that are only long, trade signals alone and pay percentages are simulated together,
    sixty in the time of two; others one after the other.

    Parameters
    ----------
    places
        The place of each symbol in the order of each account, shape (K, S).

    Returns
    -------
    Floats
        Of the window's bars, shape (D, K).
    """
    if isinstance(costs, PercentageCosts) and _are_alike(targets, rules):
        return _Columns(market, targets, rules, costs, places).run()[market.first :]
    curves = [
        simulate_account(market, targets, replace(rules, rank=DrawnRank(one)), costs).curve
        for one in places
    ]
    return np.stack(curves, axis=1)


def _are_alike(targets: Targets, rules: AccountRules) -> bool:
    """Return whether nothing but signals, slots and cash decide."""
    signals_only = rules.on_signal and not rules.rebalance.any()
    slots_only = rules.weigher.unit is not None and is_cash_the_limit(rules.limits)
    return signals_only and slots_only and targets.dtype.kind == "i" and not (targets < 0).any()


class _Columns:
    """K accounts; arrays of them have one column, or element, per account."""

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
        self.unit = float(rules.weigher.unit or 0.0)
        self.places = np.ascontiguousarray(places.T)
        self.count = len(places)
        self.column = np.arange(self.count)
        self.shares = np.zeros((targets.shape[1], self.count))
        self.cash = np.full(self.count, float(rules.capital))
        self.positions = np.zeros(self.count, dtype=np.int64)
        self.equity = np.full((len(targets), self.count), float(rules.capital))
        self.known = market.first

    def run(self) -> Floats:
        """Return the equity at each close, shape (T, K)."""
        schedule = Schedule.of(self.targets, self.market)
        for bar in range(self.market.first + 1, len(self.equity)):
            changes = schedule.symbol[schedule.first[bar] : schedule.first[bar + 1]]
            if len(changes):
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
        enter = changes[wanted]
        if len(enter) and (self.positions < self.rules.slots).any():
            self._buy(bar, enter)

    def _sell(self, symbol: int, price: float) -> None:
        held = self.shares[symbol]
        has = held > 0
        if has.any():
            self.cash += held * (price * self.sells)
            self.positions -= has
            held[:] = 0.0

    def _buy(self, bar: int, symbols: Ints) -> None:
        """Let each account enter symbols by its own order, as far as places and cash go."""
        value = self.unit * np.maximum(self.equity[bar - 1], 0.0)
        wanted = value / self.market.close[bar - 1, symbols][:, None]
        price = self.market.open[bar, symbols]
        paid = price * self.buys
        least = self.rules.minimum_fill
        for row in self._sort(symbols):
            symbol = symbols[row]
            size, most = wanted[row, self.column], self.cash / paid[row]
            got = np.minimum(size, np.maximum(most, 0.0))
            fits = (self.positions < self.rules.slots) & (self.shares[symbol, self.column] == 0)
            taken: Bools = fits & (got > 0) & (got >= least * size)
            got[~taken] = 0.0
            self.cash -= got * paid[row]
            self.shares[symbol, self.column] += got
            self.positions += taken

    def _sort(self, symbols: Ints) -> Iterator[Ints]:
        """Yield of each account which of the symbols comes first, second and so on."""
        if len(symbols) == 1:
            yield np.zeros(self.count, dtype=np.int64)
            return
        yield from np.argsort(self.places[symbols], axis=0, kind="stable")

    def _mark_until(self, bar: int) -> None:
        start, self.known = self.known, bar
        if start < bar:
            np.matmul(self.market.close[start:bar], self.shares, out=self.equity[start:bar])
            self.equity[start:bar] += self.cash
