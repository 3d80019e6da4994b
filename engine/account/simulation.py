"""An account over time: at each open what was decided at the close before, between only prices.

Bars without orders cost no Python: cash and shares stay, and equity is their product with the
closes. Orders are scalars: of a thousand symbols, few change on a day.
"""

from dataclasses import dataclass

import numpy as np

from engine.account.book import Book, is_cash_the_limit
from engine.account.broker import Quote, open_broker
from engine.account.ledger import Ledger
from engine.account.market import AccountMarket
from engine.account.outcome import (
    DELISTED,
    ENTRY,
    EXIT,
    RESIZE,
    AccountOutcome,
    OrderCounts,
)
from engine.account.rules import AccountRules, Targets
from engine.account.schedule import Schedule
from engine.costs import CostModel
from strategies.base import Floats, Ints


def simulate_account(
    market: AccountMarket, targets: Targets, rules: AccountRules, costs: CostModel
) -> AccountOutcome:
    """Return one account that trades targets.

    A change of target at the close of a bar is filled at the open of the symbol's next day with
    trade: what reduces a position first, then increases, those of held positions before entries,
    and entries by rank, until places, cash or a limit are used up. Sizes are decided with the
    equity and the closes of the bar before the fill. What a day's volume could not fill of an order
    goes on on the next day if it reduces a position, and is given up if not.
    """
    account = _Account(market, targets, rules, costs)
    account.run()
    return account.collect()


_Change = tuple[int, float]
"""A symbol, and the target that it has now."""

_MANY = 16
"""Symbols from which arrays are faster than scalars."""


@dataclass
class _Counters:
    """See `engine.account.outcome.OrderCounts`."""

    missed: int = 0
    cut: int = 0
    capped: int = 0
    waited: int = 0
    liquidated: int = 0


@dataclass(frozen=True)
class _Plan:
    """What is wanted on a bar: symbols that are left, given another size, and entered."""

    leave: list[int]
    resize: list[int]
    enter: list[int]


class _Account:
    """One account, from bar to bar."""

    def __init__(
        self, market: AccountMarket, targets: Targets, rules: AccountRules, costs: CostModel
    ) -> None:
        self.market, self.targets, self.rules, self.costs = market, targets, rules, costs
        self.broker = open_broker(market, costs)
        self.schedule = Schedule.of(targets, market)
        self.ledger = Ledger(market, costs, rules.capital)
        self.counters = _Counters()
        self.unfilled: set[int] = set()
        # Of fractions of a weight, the one that each position was last given.
        self.taken: dict[int, float] | None = {} if targets.dtype.kind == "f" else None
        self.only_long = not (targets < 0).any()
        self.cash_is_the_limit = is_cash_the_limit(rules.limits)

    def run(self) -> None:
        """Trade all bars."""
        first, ending = self.schedule.first, self.schedule.ending
        changed = list(
            zip(self.schedule.symbol.tolist(), self.schedule.target.tolist(), strict=True)
        )
        rebalance = self.rules.rebalance.tolist()
        for bar in range(self.market.first + 1, len(self.ledger.equity)):
            changes = changed[first[bar] : first[bar + 1]]
            if rebalance[bar - 1]:
                self._rebalance(bar, changes)
            elif changes or self.unfilled:
                self._follow(bar, changes)
            if bar in ending:
                self._liquidate(bar, ending[bar])

    def collect(self) -> AccountOutcome:
        """Return what became of it."""
        return self.ledger.close(OrderCounts(**vars(self.counters)))

    def _follow(self, bar: int, changes: list[_Change]) -> None:
        """Trade the changes of targets that a bar fills."""
        if self.rules.weigher.joint and self.rules.on_signal and changes:
            self._rebalance(bar, changes)
            return
        plan = self._plan(bar, changes, opens=self.rules.on_signal)
        if self.rules.weigher.joint:
            plan.resize.clear()  # the weight of one is not known without the others'
        if plan.leave or plan.resize or plan.enter:
            self._note_waits(bar, [*plan.leave, *plan.enter])
            self._trade(bar, plan, None)

    def _plan(self, bar: int, changes: list[_Change], *, opens: bool) -> _Plan:
        """Return what changes of targets ask for."""
        held, plan = self.ledger.held, _Plan([], [], [])
        if self.unfilled:
            plan.leave.extend(self._list_unfilled(bar, {one for one, _ in changes}))
        for one, target in changes:
            if one not in held:
                if target and opens:
                    plan.enter.append(one)
            elif target * held[one] <= 0:
                plan.leave.append(one)
                if target and opens:
                    plan.enter.append(one)
            else:
                self.unfilled.discard(one)
                if self.taken is not None and self.taken.get(one) != target:
                    plan.resize.append(one)
        return plan

    def _list_unfilled(self, bar: int, changes: set[int]) -> list[int]:
        """Return the symbols with a rest to sell, and trade today."""
        open_ = self.market.open
        rest = sorted(self.unfilled.difference(changes))
        return [one for one in rest if open_.item(bar, one) == open_.item(bar, one)]

    def _note_waits(self, bar: int, symbols: list[int]) -> None:
        if waited := self.schedule.waiting.get(bar):
            self.counters.waited += len(waited.intersection(symbols))

    def _rebalance(self, bar: int, changes: list[_Change]) -> None:
        """Trade changes, size all positions again, and enter what was missed before."""
        decided = bar - 1
        plan = self._plan(bar, changes, opens=False)
        self._note_waits(bar, [*plan.leave, *(one for one, _ in changes)])
        leaving = set(plan.leave)
        traded = np.isfinite(self.market.open[bar])
        stays = [one for one in self.ledger.held if one not in leaving]
        resize = sorted(one for one in stays if traded[one])
        wanted = (self.targets[decided] != 0) & traded
        wanted[stays] = False
        enter = np.flatnonzero(wanted).tolist()
        places = max(self.rules.slots - len(stays), 0)
        if not places:
            self.counters.missed += len(enter)
            enter = []
        weights = None
        if self.rules.weigher.joint:
            enter = self._choose(decided, enter, places)
            # What does not open keeps its weight: its part is nobody else's meanwhile.
            halted = [one for one in stays if not traded[one] and self.targets.item(decided, one)]
            trading = [*resize, *enter]
            weights = self._weigh(decided, [*trading, *halted])[: len(trading)]
        self._trade(bar, _Plan(plan.leave, resize, enter), weights)

    def _choose(self, decided: int, symbols: list[int], places: int) -> list[int]:
        """Return the symbols that get a place, by rank."""
        if len(symbols) <= places:
            return symbols
        self.counters.missed += len(symbols) - places
        some = np.array(symbols)
        rank = self.rules.rank(decided, some)
        return np.sort(some[np.argsort(rank, kind="stable")[:places]]).tolist()

    def _weigh(self, decided: int, symbols: list[int]) -> Floats:
        """Return the weights of symbols, in their order."""
        some = np.array(symbols, dtype=np.int64)
        if not len(some):
            return np.empty(0)
        # A weigher sees symbols in the order of the universe, whatever is held already.
        order = np.argsort(some)
        targets = self.targets[decided, some[order]].astype(np.float64)
        weights = np.empty(len(some))
        weights[order] = self.rules.weigher.weigh(decided, some[order], targets)
        return weights

    def _trade(self, bar: int, plan: _Plan, weights: Floats | None) -> None:
        """Reduce positions, then increase and open others."""
        places = self.rules.slots - len(self.ledger.held) + len(plan.leave)
        enter = plan.enter if places > 0 else []
        self.counters.missed += len(plan.enter) - len(enter)
        symbols = [*plan.resize, *enter]
        # Of entries with the same weight each, only those that get a place are sized.
        sized = symbols if self.rules.weigher.unit is None else plan.resize
        sizes: list[float] = []
        if symbols:
            self.ledger.mark_until(bar)
        if sized:
            sizes = self._size(bar - 1, sized, weights)
        used: dict[int, float] = {}
        for one in plan.leave:
            used[one] = self._reduce(bar, one, abs(self.ledger.held[one]), EXIT)
        count = len(plan.resize)
        more = self._resize(bar, plan.resize, sizes[:count], used)
        if more or enter:
            self._increase(bar, more, enter, sizes[count:], used)
        if self.taken is not None:
            self.taken.update({one: self.targets.item(bar - 1, one) for one in symbols})

    def _size(self, decided: int, symbols: list[int], weights: Floats | None) -> list[float]:
        """Return the shares wanted of symbols, without sign."""
        equity, most = max(self.ledger.equity.item(decided), 0.0), self.rules.limits.weight
        close, unit = self.market.close, self.rules.weigher.unit
        if weights is None and unit is not None and len(symbols) < _MANY:
            targets, rounded = self.targets, self.broker.round
            return [
                rounded(
                    min(abs(targets.item(decided, one)) * unit, most)
                    * equity
                    / close.item(decided, one)
                )
                for one in symbols
            ]
        if weights is None:
            weights = self._weigh(decided, symbols)
        weight = np.minimum(np.abs(weights), most)
        return self.costs.round_size(weight * equity / close[decided, symbols]).tolist()

    def _resize(
        self, bar: int, symbols: list[int], sizes: list[float], used: dict[int, float]
    ) -> list[tuple[int, float]]:
        """Reduce positions that are too large; return those that are too small, and by how much."""
        more = []
        for one, size in zip(symbols, sizes, strict=True):
            change = size - abs(self.ledger.held[one])
            if not self._is_worth_it(bar, one, change):
                continue
            if change < 0:
                used[one] = self._reduce(bar, one, -change, RESIZE)
            else:
                more.append((one, change))
        return more

    def _is_worth_it(self, bar: int, symbol: int, change: float) -> bool:
        if not self.rules.band:
            return change != 0
        value = abs(change) * self.market.close.item(bar - 1, symbol)
        return value > self.rules.band * float(self.ledger.equity[bar - 1])

    def _reduce(self, bar: int, symbol: int, size: float, reason: int) -> float:
        """Fill an order that makes a position smaller; return the shares filled."""
        quote = self.broker.quote(bar, symbol)
        filled = min(size, self.broker.limit(quote))
        self.unfilled.discard(symbol)
        if filled < size:
            self.counters.capped += 1
            if reason == EXIT:
                self.unfilled.add(symbol)
        side = -1 if self.ledger.held[symbol] > 0 else 1
        self._fill(bar, symbol, side, filled, quote, reason)
        return filled

    def _increase(
        self,
        bar: int,
        more: list[tuple[int, float]],
        enter: list[int],
        sizes: list[float],
        used: dict[int, float],
    ) -> None:
        """Fill what makes positions larger, then entries, as long as there is room."""
        book = self._open_book(bar)
        for place in self._sort(bar, [one for one, _ in more]):
            self._buy(bar, *more[place], book, used, RESIZE)
        places, missed = self.rules.slots - len(self.ledger.held), len(enter)
        for place in self._sort(bar, enter):
            if places <= 0:
                break
            one = enter[place]
            if one in self.ledger.held:
                continue
            size = sizes[place] if sizes else self._size(bar - 1, [one], None)[0]
            if self._buy(bar, one, size, book, used, ENTRY):
                places, missed = places - 1, missed - 1
        self.counters.missed += missed

    def _open_book(self, bar: int) -> Book | None:
        """Return what limits are counted with; None where cash is the only one."""
        if self.only_long and self.cash_is_the_limit:
            return None
        return Book.open(self.rules.limits, self.market, bar, self.ledger.shares, self.ledger.cash)

    def _sort(self, bar: int, symbols: list[int]) -> list[int]:
        """Return the places of symbols by their rank, equal ones in the order of the universe."""
        if len(symbols) < 2:  # noqa: PLR2004
            return list(range(len(symbols)))
        some = np.array(symbols)
        return np.lexsort((some, self.rules.rank(bar - 1, some))).tolist()

    def _buy(
        self,
        bar: int,
        symbol: int,
        wanted: float,
        book: Book | None,
        used: dict[int, float],
        reason: int,
    ) -> bool:
        """Fill an order that makes a position larger, or a short; return whether it was filled."""
        broker, least = self.broker, self.rules.minimum_fill if reason == ENTRY else 0.0
        quote = broker.quote(bar, symbol)
        side = 1 if self.targets.item(bar - 1, symbol) > 0 else -1
        size = wanted
        limit = broker.limit(quote) - used.get(symbol, 0.0)
        if limit < size:
            self.counters.capped += 1
            size = broker.round(max(limit, 0.0))
        if book is None and least * size * quote.price > self.ledger.cash:
            return False  # without asking for costs: most entries of a full account end here
        # A short's share is worth the market's price, and brings less by its slippage.
        unit = broker.bound(quote, side)
        if side < 0:
            unit = 2.0 * quote.price - broker.price(quote, side, size)
        room = self.ledger.cash if book is None else book.find_room(symbol, side, self.ledger.cash)
        most = broker.afford(max(room, 0.0), unit)
        asked = size
        if most < size:
            size = broker.round(most)
        if size <= 0 or size < least * asked:
            return False
        self.counters.cut += size < asked
        self._fill(bar, symbol, side, size, quote, reason)
        if book is not None:
            book.take(symbol, side, size * quote.price)
        return True

    def _liquidate(self, bar: int, symbols: Ints) -> None:
        """Close what is held of symbols that end, at their last close."""
        for one in symbols.tolist():
            self.unfilled.discard(one)
            if shares := self.ledger.held.get(one):
                quote = self.broker.quote_close(bar, one)
                side = -1 if shares > 0 else 1
                self.counters.liquidated += 1
                self._fill(bar, one, side, abs(shares), quote, DELISTED)

    def _fill(
        self, bar: int, symbol: int, side: int, size: float, quote: Quote, reason: int
    ) -> None:
        if not size:
            return
        price = self.broker.price(quote, side, size)
        fees = self.broker.fees(size, price)
        self.ledger.add_fill(bar, symbol, side * size, price, quote.price, fees, reason)
