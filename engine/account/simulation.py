"""Accounts over time: at each open what was decided at the close before, in between only prices.

K accounts that differ in their priorities alone are simulated at once; one account is K = 1. Bars
without orders cost no Python: cash and shares stay, and equity is their product with the closes.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.account.increases import Increases, increase_positions
from engine.account.market import AccountMarket
from engine.account.outcome import (
    DELISTED,
    ENTRY,
    EXIT,
    FILL,
    RESIZE,
    AccountOutcome,
    OrderCounts,
)
from engine.account.rules import AccountRules, Targets
from engine.account.schedule import Schedule
from engine.costs import CostModel, FillMarket, PercentageCosts, accrue
from strategies.base import Bools, Floats, Ints

_NO_SYMBOLS = np.empty(0, dtype=np.int64)
_VOLATILITY_BARS = 20


def simulate_account(
    market: AccountMarket, targets: Targets, rules: AccountRules, costs: CostModel
) -> AccountOutcome:
    """Return one account that trades targets.

    A change of target at the close of a bar is filled at the open of the symbol's next day with
    trade: what reduces a position first, then increases, those of held positions before entries,
    and entries by rank, until places, cash or a limit are used up. Sizes are decided with the
    equity and the closes of the bar before the fill. What an order of a day's volume could not
    fill goes on on the next day if it reduces a position, and is given up if not.
    """
    accounts = _Accounts(market, targets, rules, costs, 1)
    accounts.run()
    return accounts.collect()


def simulate_priorities(
    market: AccountMarket,
    targets: Targets,
    rules: AccountRules,
    costs: CostModel,
    orders: int,
) -> Floats:
    """Return the equity of K accounts at each close, shape (T, K).

    Parameters
    ----------
    rules
        Whose `rank` gives the ranks of each account, shape (K, n).
    orders
        K.
    """
    accounts = _Accounts(market, targets, rules, costs, orders, keep_fills=False)
    accounts.run()
    return accounts.equity


@dataclass
class Counters:
    """See `engine.account.outcome.OrderCounts`; of all K accounts together."""

    missed: int = 0
    cut: int = 0
    capped: int = 0
    waited: int = 0
    liquidated: int = 0


@dataclass(frozen=True, eq=False)
class Wanted:
    """What is wanted of some symbols at an open.

    Parameters
    ----------
    symbol, target
        Of each column, shape (n,).
    shares
        Signed, shape (K, n).
    enters
        Where a position may be opened, shape (K, n).
    resizes
        Where a position that is held is given the wanted size, shape (K, n).
    """

    symbol: Ints
    target: Floats
    shares: Floats
    enters: Bools
    resizes: Bools


class _Accounts:
    """K accounts of one market."""

    def __init__(
        self,
        market: AccountMarket,
        targets: Targets,
        rules: AccountRules,
        costs: CostModel,
        count: int,
        *,
        keep_fills: bool = True,
    ) -> None:
        bars, symbols = targets.shape
        self.market, self.targets, self.rules, self.costs = market, targets, rules, costs
        self.count, self.keep_fills = count, keep_fills
        self.schedule = Schedule.of(targets, market)
        self.shares = np.zeros((count, symbols))
        self.cash = np.full(count, rules.capital)
        self.equity, self.cash_at = np.empty((bars, count)), np.empty((bars, count))
        self.accrued = np.zeros((bars, count))
        self.fills: list[NDArray[Any]] = []
        self.counters = Counters()
        # Exits that a day's volume did not fill.
        self.unfilled = np.zeros((count, symbols), dtype=np.bool_)
        self.goes_on = False
        self.fractions = targets.dtype.kind == "f"
        self.taken = np.zeros((count, symbols)) if self.fractions else None
        self.plain = isinstance(costs, PercentageCosts)
        rates = costs.find_cash_rates(market.dates)
        self.rates = rates if rates.any() or costs.borrow_rate else None
        days = np.diff(market.dates.astype(np.int64), prepend=market.dates[:1].astype(np.int64))
        self.days = days.astype(np.float64)
        self.known = 0

    def run(self) -> None:
        """Trade all bars."""
        first, ending = self.schedule.first, self.schedule.ending
        rebalance = self.rules.rebalance.tolist()
        for bar in range(1, len(self.equity)):
            changes = first[bar + 1] > first[bar]
            if changes or rebalance[bar - 1] or self.goes_on:
                self._mark_until(bar)
                self._trade(bar)
            if bar in ending:
                self._mark_until(bar)
                self._liquidate(bar, ending[bar])
        self._mark_until(len(self.equity))

    def collect(self) -> AccountOutcome:
        """Return the first account."""
        fills = np.concatenate(self.fills) if self.fills else np.empty(0, dtype=FILL)
        counts = OrderCounts(**vars(self.counters))
        return AccountOutcome(
            self.market,
            self.rules.capital,
            fills,
            self.cash_at[:, 0],
            self.equity[:, 0],
            self.accrued[:, 0],
            counts,
        )

    def _mark_until(self, bar: int) -> None:
        """Write cash and equity of the bars before one; its own interest is paid before it."""
        start = self.known
        if start >= bar:
            return
        close = self.market.close
        if self.rates is None:
            self.cash_at[start:bar] = self.cash
            np.matmul(close[start:bar], self.shares.T, out=self.equity[start:bar])
            self.equity[start:bar] += self.cash
        else:
            for one in range(start, bar):
                self.cash_at[one] = self.cash
                self.equity[one] = self.cash + self.shares @ close[one]
                self._accrue(one)
        self.known = bar

    def _accrue(self, bar: int) -> None:
        """Add the interest, and take the fees, of the days from the close of a bar to the next."""
        if bar + 1 == len(self.equity) or self.rates is None:
            return
        short = -np.minimum(self.shares, 0.0) @ self.market.close[bar]
        interest, fees = accrue(
            self.cash, short, self.rates[bar], self.costs.borrow_rate, self.days[bar + 1]
        )
        self.accrued[bar + 1] = interest - fees
        self.cash = self.cash + self.accrued[bar + 1]

    def _trade(self, bar: int) -> None:
        first = self.schedule.first
        changes = slice(first[bar], first[bar + 1])
        events = self.schedule.symbol[changes]
        rules = self.rules
        joint = rules.weigher.joint
        everything = bool(rules.rebalance[bar - 1]) or (
            joint and rules.on_signal and changes.stop > changes.start
        )
        symbols = self._select(bar, events, everything=everything)
        if not len(symbols):
            return
        is_event = np.isin(symbols, events, assume_unique=True)
        if self.schedule.waited[changes].any():
            self._count_waited(events[self.schedule.waited[changes]], bar)
        wanted = self._want(bar, symbols, is_event, everything=everything)
        used = self._reduce(bar, wanted)
        self._increase(bar, wanted, used)
        if self.taken is not None:
            self.taken[:, symbols] = wanted.target

    def _select(self, bar: int, events: Ints, *, everything: bool) -> Ints:
        """Return the symbols that are looked at on a bar, in their order."""
        if not (everything or self.goes_on):
            return events
        looked_at = np.zeros(self.shares.shape[1], dtype=np.bool_)
        looked_at[events] = True
        if everything:
            looked_at |= (self.targets[bar - 1] != 0) | self.shares.any(axis=0)
        if self.goes_on:
            looked_at |= self.unfilled.any(axis=0)
        return np.flatnonzero(looked_at & np.isfinite(self.market.open[bar]))

    def _count_waited(self, symbols: Ints, bar: int) -> None:
        held = self.shares[:, symbols] != 0
        wants = self.targets[bar - 1, symbols] != 0
        self.counters.waited += int((held != wants).sum())

    def _want(self, bar: int, symbols: Ints, is_event: Bools, *, everything: bool) -> Wanted:
        """Return what is wanted of some symbols, by the close before a bar."""
        rules, decided = self.rules, bar - 1
        target = self.targets[decided, symbols].astype(np.float64)
        held = self.shares[:, symbols]
        shape = held.shape
        goes_on = (held != 0) & (np.sign(held) == np.sign(target))
        if rules.weigher.joint:
            weight, chosen = self._weigh_jointly(decided, symbols, target, goes_on, everything)
            enters, resizes = chosen & ~goes_on, goes_on & everything
        else:
            weight = np.broadcast_to(rules.weigher.weigh(decided, symbols, target), shape)
            opens = (is_event & rules.on_signal) | everything
            enters = np.broadcast_to(opens & (target != 0), shape) & ~goes_on
            resizes = goes_on & everything
            if self.taken is not None:
                changed = self.taken[:, symbols] != target
                resizes = goes_on & (everything | (is_event & changed))
        weight = np.clip(weight, -rules.limits.weight, rules.limits.weight)
        close = self.market.close[decided, symbols]
        with np.errstate(divide="ignore", invalid="ignore"):
            size = np.abs(weight) * np.maximum(self.equity[decided], 0.0)[:, None] / close
        size = np.where(np.isfinite(size), self.costs.round_size(size), 0.0)
        return Wanted(symbols, target, np.sign(weight) * size, enters, resizes)

    def _weigh_jointly(
        self, bar: int, symbols: Ints, target: Floats, held: Bools, everything: bool
    ) -> tuple[Floats, Bools]:
        """Return weights, and which symbols are in the account by them, shape (K, n) each."""
        weight, chosen = np.zeros(held.shape), held.copy()
        if not everything:
            return weight, chosen
        wants = (target != 0) & np.isfinite(self.market.open[bar + 1, symbols])
        rank = np.broadcast_to(self.rules.rank(bar, symbols), held.shape)
        inside = np.isin(np.arange(self.shares.shape[1]), symbols)
        for one in range(self.count):
            # What is held and has no trade today keeps its place.
            elsewhere = int((self.shares[one, ~inside] != 0).sum())
            free = max(self.rules.slots - int(held[one].sum()) - elsewhere, 0)
            new = np.flatnonzero(wants & ~held[one])
            best = new[np.argsort(rank[one, new], kind="stable")]
            chosen[one, best[:free]] = True
            self.counters.missed += max(len(best) - free, 0) if self.keep_fills else 0
            some = np.flatnonzero(chosen[one])
            if len(some):
                weight[one, some] = self.rules.weigher.weigh(bar, symbols[some], target[some])
        return weight, chosen

    def _reduce(self, bar: int, wanted: Wanted) -> Floats:
        """Fill exits and what makes positions smaller; return the shares filled, shape (K, n)."""
        held = self.shares[:, wanted.symbol]
        closes = (held != 0) & (np.sign(wanted.target) != np.sign(held))
        excess = np.abs(held) - np.abs(wanted.shares)
        trims = wanted.resizes & (excess > 0) & self._is_beyond_band(bar, wanted, excess)
        size = np.where(closes, np.abs(held), np.where(trims, excess, 0.0))
        row, column = np.nonzero(size)
        if not len(row):
            return size
        symbol = wanted.symbol[column]
        market = self._quote(bar, symbol)
        filled = size[row, column]
        if not self.plain:
            most = self.costs.round_size(self.costs.limit_size(market))
            self._note_unfilled(row, symbol, closes[row, column], most < filled)
            filled = np.minimum(filled, most)
            size[row, column] = filled
        side = -np.sign(held[row, column])
        reason = np.where(closes[row, column], EXIT, RESIZE)
        self._fill(bar, row, symbol, side, filled, market, reason)
        return size

    def _note_unfilled(self, row: Ints, symbol: Ints, closes: Bools, rest: Bools) -> None:
        self.unfilled[row, symbol] = closes & rest
        self.counters.capped += int(rest.sum())
        self.goes_on = bool(self.unfilled.any())

    def _is_beyond_band(self, bar: int, wanted: Wanted, change: Floats) -> Bools:
        """Return where a change of size is worth an order, shape (K, n)."""
        if not self.rules.band:
            return np.ones(change.shape, dtype=np.bool_)
        value = np.abs(change) * self.market.close[bar - 1, wanted.symbol]
        return value > self.rules.band * self.equity[bar - 1][:, None]

    def _increase(self, bar: int, wanted: Wanted, used: Floats) -> None:
        """Fill entries and what makes positions larger, as far as places, cash and limits go."""
        held = self.shares[:, wanted.symbol]
        lacking = np.abs(wanted.shares) - np.abs(held)
        grows = wanted.resizes & (lacking > 0) & self._is_beyond_band(bar, wanted, lacking)
        enters = wanted.enters & (held == 0)
        size = np.where(enters, np.abs(wanted.shares), np.where(grows, lacking, 0.0))
        columns = np.flatnonzero((enters | grows).any(axis=0))
        if not len(columns):
            return
        rules, symbol = self.rules, wanted.symbol[columns]
        given = Increases(
            symbol,
            np.sign(wanted.target[columns]),
            size[:, columns],
            enters[:, columns],
            used[:, columns],
            np.broadcast_to(rules.rank(bar - 1, symbol), (self.count, len(columns))),
        )
        quoted = self._quote(bar, symbol)
        orders = increase_positions(
            given, quoted, rules, self.costs, self.cash, self.shares, self.market.mark(bar)
        )
        self.counters.missed += orders.missed
        self.counters.cut += orders.cut
        self.counters.capped += orders.capped
        if len(orders.row):
            reason = np.where(enters[:, columns][orders.row, orders.column], ENTRY, RESIZE)
            market = quoted.only(orders.column)
            side = given.side[orders.column]
            self._fill(
                bar, orders.row, symbol[orders.column], side, orders.size, market, reason
            )

    def _liquidate(self, bar: int, symbols: Ints) -> None:
        """Close what is held of symbols that end, at their last close."""
        row, column = np.nonzero(self.shares[:, symbols])
        if not len(row):
            return
        symbol = symbols[column]
        held = self.shares[row, symbol]
        market = FillMarket.of_price(self.market.close[bar, symbol])
        self.counters.liquidated += len(row)
        self.unfilled[row, symbol] = False
        reason = np.full(len(row), DELISTED)
        self._fill(bar, row, symbol, -np.sign(held), np.abs(held), market, reason)

    def _fill(
        self,
        bar: int,
        row: Ints,
        symbol: Ints,
        side: Floats,
        size: Floats,
        market: FillMarket,
        reason: Ints,
    ) -> None:
        """Let orders be filled: one element per order, in their order."""
        price = self.costs.price_fill(market, side, size)  # pyright: ignore[reportArgumentType]
        fees = self.costs.charge_fees(size, price)
        spent = side * size * price + fees
        if self.count == 1:
            self.cash = self.cash - spent.sum()
        else:
            self.cash = self.cash - np.bincount(row, spent, minlength=self.count)
        self.shares[row, symbol] += side * size
        if self.keep_fills:
            made = np.empty(len(row), dtype=FILL)
            made["bar"], made["symbol"], made["size"] = bar, symbol, side * size
            made["price"], made["market_price"] = price, market.price
            made["fees"], made["reason"] = fees, reason
            self.fills.append(made)

    def _quote(self, bar: int, symbol: Ints) -> FillMarket:
        """Return what the market offers at the open of a bar."""
        price = self.market.open[bar, symbol]
        if self.plain:
            return FillMarket.of_price(price)
        closes = self.market.close[max(bar - _VOLATILITY_BARS - 1, 0) : bar, symbol]
        unknown = np.full(len(symbol), np.nan)
        volatility = unknown
        if len(closes) > _VOLATILITY_BARS:
            with np.errstate(divide="ignore", invalid="ignore"):
                volatility = np.std(closes[1:] / closes[:-1] - 1.0, axis=0, ddof=1)
        return FillMarket(price, self.market.volume[bar, symbol], volatility, unknown)
