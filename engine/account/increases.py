"""Entries and increases of one bar: by priority, until places, cash or a limit are used up."""

from dataclasses import dataclass

import numpy as np

from engine.account.rules import AccountRules, ExposureLimits
from engine.costs import CostModel, FillMarket, PercentageCosts
from strategies.base import Bools, Floats, Ints


@dataclass(frozen=True, eq=False)
class Increases:
    """What K accounts want more of, n symbols.

    Parameters
    ----------
    symbol, side
        Of each column, shape (n,); sides are 1 or -1.
    size
        Shares, 0 where nothing is wanted, shape (K, n).
    enters
        Where a position is opened, shape (K, n).
    used
        Shares that were filled on this bar already, shape (K, n).
    rank
        Lower ones come first, shape (K, n).
    """

    symbol: Ints
    side: Floats
    size: Floats
    enters: Bools
    used: Floats
    rank: Floats


@dataclass(frozen=True, eq=False)
class IncreaseOrders:
    """What is filled: account, column and shares of each order, and what is not.

    Parameters
    ----------
    row, column, size
        By priority of each account, shape (M,).
    missed, cut, capped
        See `engine.account.outcome.OrderCounts`.
    """

    row: Ints
    column: Ints
    size: Floats
    missed: int
    cut: int
    capped: int


def increase_positions(
    wanted: Increases,
    market: FillMarket,
    rules: AccountRules,
    costs: CostModel,
    cash: Floats,
    shares: Floats,
    mark: Floats,
) -> IncreaseOrders:
    """Return which increases are filled, and how much of them.

    Parameters
    ----------
    market
        Of each column, shape (n,).
    cash, shares, mark
        Cash, shape (K,), and shares, shape (K, S), after what this bar has sold; and the price at
        which each symbol's counts, shape (S,).
    """
    asked = (wanted.size > 0) | wanted.enters
    size, capped = _cap_by_volume(wanted, market, costs)
    unit = _find_unit_costs(wanted, size, market, costs)
    room = _Room.of(rules, cash, shares, mark)
    free = rules.slots - np.count_nonzero(shares, axis=1)
    order = _sort(wanted)
    filled = np.zeros_like(size)
    easy = room.fits(wanted, size, unit, market.price, costs, free)
    filled[easy] = size[easy]
    hard = np.flatnonzero(~easy)
    cut = 0
    if len(hard):
        one_by_one = _OneByOne(wanted, size, unit, market, rules, costs)
        cut = one_by_one.fill(filled, hard, order[hard], room.only(hard), free[hard])
    row, place = np.nonzero(np.take_along_axis(filled, order, axis=1))
    column = order[row, place]
    missed = int((wanted.enters & asked & (filled == 0)).sum())
    return IncreaseOrders(row, column, filled[row, column], missed, cut, capped)


def _cap_by_volume(
    wanted: Increases, market: FillMarket, costs: CostModel
) -> tuple[Floats, int]:
    """Return sizes that the day's volume fills, and of how many it does not fill all."""
    if isinstance(costs, PercentageCosts):
        return wanted.size, 0
    most = costs.round_size(np.maximum(costs.limit_size(market) - wanted.used, 0.0))
    return np.minimum(wanted.size, most), int((wanted.size > most).sum())


def _find_unit_costs(
    wanted: Increases, size: Floats, market: FillMarket, costs: CostModel
) -> Floats:
    """Return what one share takes of the cash or of the room for shorts, without fees, (n,).

    A short's share is worth the price of the market, and brings what its sale is worse by less.
    """
    side = wanted.side
    bound = costs.bound_price(market, side)  # pyright: ignore[reportArgumentType]
    if (side > 0).all():
        return bound
    largest = size.max(axis=0)
    worst = costs.price_fill(market, side, largest)  # pyright: ignore[reportArgumentType]
    return np.where(side > 0, bound, 2.0 * market.price - worst)


def _sort(wanted: Increases) -> Ints:
    """Return the columns of each account by priority: held positions first, then by rank."""
    if wanted.size.shape[1] == 1:
        return np.zeros(wanted.size.shape, dtype=np.int64)
    return np.lexsort((wanted.rank, wanted.enters), axis=-1)


@dataclass(frozen=True, eq=False)
class _Room:
    """What K accounts can still take, in money at the open's prices.

    Parameters
    ----------
    cash, equity, gross, net
        Shape (K,).
    value
        Absolute value of each position, shape (K, S); None where no limit asks for it.
    """

    limits: ExposureLimits
    cash: Floats
    equity: Floats
    gross: Floats
    net: Floats
    value: Floats | None

    @classmethod
    def of(
        cls, rules: AccountRules, cash: Floats, shares: Floats, mark: Floats
    ) -> "_Room":
        limits = rules.limits
        net = shares @ mark
        if not _is_limited(limits) and (shares >= 0).all():
            return cls(limits, cash, cash + net, net, net, None)
        value = np.abs(shares) * mark
        return cls(limits, cash, cash + net, value.sum(axis=1), net, value)

    def only(self, rows: Ints) -> "_Room":
        value = None if self.value is None else self.value[rows]
        return _Room(
            self.limits, self.cash[rows], self.equity[rows], self.gross[rows], self.net[rows], value
        )

    def fits(
        self,
        wanted: Increases,
        size: Floats,
        unit: Floats,
        price: Floats,
        costs: CostModel,
        free: Ints,
    ) -> Bools:
        """Return which accounts can take all that they want, shape (K,)."""
        spent = size * unit + costs.charge_fees(size, np.broadcast_to(unit, size.shape))
        total = spent.sum(axis=1)
        fits = wanted.enters.sum(axis=1) <= free
        long = wanted.side > 0
        if self.value is None and long.all():
            return fits & (total <= self.cash)
        limits = self.limits
        equity = self.equity - (spent - size * price).sum(axis=1)
        worth = size * price
        bought = worth @ long
        sold = worth @ ~long
        fits &= (spent @ long) <= self.cash
        fits &= self.gross + bought + sold <= limits.gross * equity
        fits &= self.net + bought <= limits.net_high * equity
        fits &= self.net - sold >= limits.net_low * equity
        if self.value is not None:
            held = self.value[:, wanted.symbol] + worth
            fits &= (held <= limits.weight * equity[:, None]).all(axis=1)
            fits &= self._fits_sectors(wanted, worth, equity)
        return fits

    def _fits_sectors(self, wanted: Increases, worth: Floats, equity: Floats) -> Bools:
        sectors, value = self.limits.sectors, self.value
        if sectors is None or value is None:
            return np.ones(len(equity), dtype=np.bool_)
        member = sectors[:, None] == np.unique(sectors[wanted.symbol])
        total = value @ member + worth @ member[wanted.symbol]
        return (total <= self.limits.sector_weight * equity[:, None]).all(axis=1)


def _is_limited(limits: ExposureLimits) -> bool:
    """Return whether more than the cash limits an account that is only long."""
    tight = min(limits.weight, limits.gross, limits.net_high) < 1.0
    return tight or limits.sectors is not None


class _OneByOne:
    """Fills increases one after the other, each for all accounts at once."""

    def __init__(
        self,
        wanted: Increases,
        size: Floats,
        unit: Floats,
        market: FillMarket,
        rules: AccountRules,
        costs: CostModel,
    ) -> None:
        self.wanted, self.size, self.unit, self.market = wanted, size, unit, market
        self.rules, self.costs = rules, costs

    def fill(self, filled: Floats, rows: Ints, order: Ints, room: _Room, free: Ints) -> int:
        """Write what is filled of some accounts; return how many orders were cut."""
        cash, free = room.cash.copy(), free.copy()
        limited = room.value is not None or not (self.wanted.side > 0).all()
        book = _Book.of(room, self.rules, self.wanted) if limited else None
        at = np.arange(len(rows))
        cut = 0
        least = self.rules.minimum_fill
        for place in range(order.shape[1]):
            column = order[:, place]
            size = self.size[rows, column]
            enters = self.wanted.enters[rows, column]
            allowed = (size > 0) & (~enters | (free > 0))
            if not allowed.any():
                if place and not (free > 0).any() and enters.all():
                    break
                continue
            unit, side = self.unit[column], self.wanted.side[column]
            money = cash if book is None else book.find_room(at, column, side, cash, self.market)
            most = self.costs.size_position(np.maximum(money, 0.0), unit)
            got = np.where(size <= most, size, self.costs.round_size(np.minimum(size, most)))
            got = np.where(allowed & ~(enters & (got < least * size)), got, 0.0)
            spent = got * unit + self.costs.charge_fees(got, unit)
            if book is None:
                cash -= spent
            else:
                cash -= book.take(at, column, side, got, spent, self.market)
            free -= enters & (got > 0)
            cut += int(((got > 0) & (got < size)).sum())
            filled[rows, column] = got
        return cut


class _Book:
    """What is held of each kind while orders are filled one after the other."""

    def __init__(self, room: _Room, rules: AccountRules, wanted: Increases) -> None:
        self.limits = rules.limits
        self.symbol = wanted.symbol
        self.equity, self.gross, self.net = room.equity.copy(), room.gross.copy(), room.net.copy()
        self.value = None if room.value is None else room.value.copy()

    @classmethod
    def of(cls, room: _Room, rules: AccountRules, wanted: Increases) -> "_Book":
        return cls(room, rules, wanted)

    def find_room(
        self, at: Ints, column: Ints, side: Floats, cash: Floats, market: FillMarket
    ) -> Floats:
        """Return how much money the next order of each account may take, with its costs."""
        limits, long = self.limits, side > 0
        # An order lowers the equity by its costs, which its own room pays for.
        room = limits.gross * self.equity - self.gross
        high = limits.net_high * self.equity - self.net
        low = self.net - limits.net_low * self.equity
        room = np.minimum(room, np.where(long, np.minimum(high, cash), low))
        if self.value is None:
            return room
        symbol = self.symbol[column]
        room = np.minimum(room, limits.weight * self.equity - self.value[at, symbol])
        if limits.sectors is not None:
            member = limits.sectors == limits.sectors[symbol][:, None]
            held = (self.value * member).sum(axis=1)
            room = np.minimum(room, limits.sector_weight * self.equity - held)
        return room

    def take(
        self,
        at: Ints,
        column: Ints,
        side: Floats,
        size: Floats,
        spent: Floats,
        market: FillMarket,
    ) -> Floats:
        """Add what was filled; return what it takes of the cash."""
        worth = size * market.price[column]
        self.gross += worth
        self.net += side * worth
        self.equity -= spent - worth
        if self.value is not None:
            self.value[at, self.symbol[column]] += worth
        return np.where(side > 0, spent, -(2.0 * worth - spent))
