"""An account walked bar by bar with dictionaries: nothing is scheduled, and nothing is an array."""

import math
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from engine.account.market import AccountMarket
from engine.account.rules import AccountRules, Targets
from engine.costs import CostModel, FillMarket, accrue


@dataclass
class Walked:
    """What became of it: fills as (bar, symbol, signed shares), and the account at each close."""

    fills: list[tuple[int, int, float]] = field(default_factory=list)
    cash: list[float] = field(default_factory=list)
    equity: list[float] = field(default_factory=list)
    missed: int = 0
    liquidated: int = 0


@dataclass
class Walk:
    """One walk through the bars of a market."""

    market: AccountMarket
    targets: Targets
    rules: AccountRules
    costs: CostModel

    def run(self) -> Walked:
        """Return what became of the account."""
        market, bars = self.market, len(self.market.dates)
        self.cash, self.held, self.taken = self.rules.capital, {}, {}
        self.waiting, self.rest = set(), set()
        self.done = Walked()
        wants_before: dict[int, float] = {}
        for bar in range(market.first, bars):
            if bar > market.first:
                self.pay(bar)
                self.trade(bar)
            for symbol in range(len(market.symbols)):
                if market.ends[symbol] == bar and symbol in self.held:
                    self.rest.discard(symbol)
                    self.done.liquidated += 1
                    self.fill(bar, symbol, -self.held[symbol], float(market.close[bar, symbol]))
                want = float(self.targets[bar, symbol])
                if want != wants_before.get(symbol, 0.0):
                    self.waiting.add(symbol)
                wants_before[symbol] = want
            self.done.cash.append(self.cash)
            self.done.equity.append(self.value(bar))
        return self.done

    def value(self, bar: int) -> float:
        return self.cash + sum(n * float(self.market.close[bar, s]) for s, n in self.held.items())

    def pay(self, bar: int) -> None:
        """Pay interest and borrow fees of the days since the bar before."""
        days = float((self.market.dates[bar] - self.market.dates[bar - 1]).astype(int))
        short = -sum(n * self.market.close[bar - 1, s] for s, n in self.held.items() if n < 0)
        rate = self.costs.find_cash_rates(self.market.dates[bar - 1 : bar])
        interest, fees = accrue(
            np.array([self.cash]),
            np.array([short]),
            rate,
            self.costs.borrow_rate,
            np.array([days]),
        )
        self.cash += interest.item() - fees.item()

    def trade(self, bar: int) -> None:  # noqa: C901, PLR0912 - one bar by the letter
        rules, decided = self.rules, bar - 1
        trades = {s for s in range(len(self.market.symbols)) if self.opens(bar, s)}
        changed, self.waiting = self.waiting & trades, self.waiting - trades
        wants = {s: float(self.targets[decided, s]) for s in trades}
        rebalanced = bool(rules.rebalance[decided])
        if rules.weigher.joint and rules.on_signal and changed:
            rebalanced = True
        leave = {
            s
            for s in (set(self.held) & trades)
            if wants[s] * self.held[s] <= 0 and (s in changed or s in self.rest)
        }
        self.rest -= {s for s in self.rest & trades if wants[s] * self.held.get(s, 0.0) > 0}
        stay = [s for s in self.held if s not in leave]
        if rebalanced:
            resize = [s for s in stay if s in trades]
            enter = [s for s in trades if wants[s] and s not in stay]
        else:
            resize = []
            if not rules.weigher.joint and self.targets.dtype.kind == "f":
                resize = [s for s in stay if s in changed and self.taken.get(s) != wants[s]]
            enter = [s for s in changed if wants[s] and s not in stay] if rules.on_signal else []
        places = max(rules.slots - len(stay), 0)
        if rules.weigher.joint and len(enter) > places:
            self.done.missed += len(enter) - places
            enter = self.rank(decided, enter)[:places]
        halted = {s: float(self.targets[decided, s]) for s in stay if s not in trades}
        halted = {s: want for s, want in halted.items() if want and rules.weigher.joint}
        wants |= halted
        sizes = self.size(decided, [*resize, *enter, *halted], wants, rules.weigher.joint)
        used: dict[int, float] = {}
        for s in leave:
            used[s] = self.reduce(bar, s, abs(self.held[s]), rest=True)
        more = {}
        for s in resize:
            change = sizes[s] - abs(self.held[s])
            worth = abs(change) * float(self.market.close[decided, s])
            if change == 0 or worth <= rules.band * self.done.equity[-1]:
                continue
            if change < 0:
                used[s] = self.reduce(bar, s, -change, rest=False)
            else:
                more[s] = change
        self.open_book(bar)
        for s in self.rank(decided, list(more)):
            self.increase(bar, s, more[s], wants[s], used.get(s, 0.0), enters=False)
        for s in self.rank(decided, enter):
            if (
                s in self.held
                or len(self.held) >= rules.slots
                or not self.increase(bar, s, sizes[s], wants[s], used.get(s, 0.0), enters=True)
            ):
                self.done.missed += 1
        if sizes:
            self.taken.update({s: wants[s] for s in [*resize, *enter]})

    def opens(self, bar: int, symbol: int) -> bool:
        return not math.isnan(self.market.open[bar, symbol])

    def rank(self, decided: int, symbols: list[int]) -> list[int]:
        """Return symbols by their rank; NaN last, equal ones in the universe's order."""
        if not symbols:
            return []
        found = self.rules.rank(decided, np.array(sorted(symbols))).tolist()
        ranks = dict(zip(sorted(symbols), found, strict=True))
        # Two NaN are not equal: they must not be compared.
        known = {s: (1, 0.0) if math.isnan(one) else (0, one) for s, one in ranks.items()}
        return sorted(symbols, key=lambda s: (*known[s], s))

    def size(
        self, decided: int, symbols: list[int], wants: dict[int, float], joint: bool
    ) -> dict[int, float]:
        if not symbols:
            return {}
        some = sorted(symbols)
        given = np.array([wants[s] for s in some])
        if joint:
            weights = self.rules.weigher.weigh(decided, np.array(some), given).tolist()
        else:
            weights = [
                self.rules.weigher.weigh(decided, np.array([s]), np.array([wants[s]])).item()
                for s in some
            ]
        equity, sizes = max(self.done.equity[-1], 0.0), {}
        for s, weight in zip(some, weights, strict=True):
            money = min(abs(weight), self.rules.limits.weight) * equity
            shares = money / float(self.market.close[decided, s])
            sizes[s] = self.costs.round_size(np.array([shares])).item()
        return sizes

    def quote(self, bar: int, symbol: int, price: float | None = None) -> FillMarket:
        market = self.market
        offered = float(market.open[bar, symbol]) if price is None else price
        unknown = np.array([math.nan])
        volatility = market.volatility
        return FillMarket(
            np.array([offered]),
            np.array([float(market.volume[bar, symbol])]),
            unknown if volatility is None else np.array([float(volatility[bar, symbol])]),
            unknown,
        )

    def reduce(self, bar: int, symbol: int, size: float, *, rest: bool) -> float:
        most = self.costs.round_size(self.costs.limit_size(self.quote(bar, symbol))).item()
        filled = min(size, most)
        self.rest.discard(symbol)
        if filled < size and rest:
            self.rest.add(symbol)
        side = 1.0 if self.held[symbol] > 0 else -1.0
        self.fill(bar, symbol, -side * filled)
        return filled

    def open_book(self, bar: int) -> None:
        """Note the values of all positions at the open, and the equity that limits are of."""
        self.worth = {}
        for s, n in self.held.items():
            at_open = self.opens(bar, s)
            mark = self.market.open[bar, s] if at_open else self.market.close[bar - 1, s]
            self.worth[s] = n * float(mark)
        self.base = self.cash + sum(self.worth.values())

    def increase(
        self, bar: int, s: int, wanted: float, want: float, used: float, *, enters: bool
    ) -> bool:
        costs, limits, quote = self.costs, self.rules.limits, self.quote(bar, s)
        side = 1 if want > 0 else -1
        sides, price = np.array([side]), quote.price.item()
        cap = costs.round_size(costs.limit_size(quote)).item() - used
        asked = min(wanted, costs.round_size(np.array([max(cap, 0.0)])).item())
        if side > 0:
            unit = costs.bound_price(quote, sides).item()
        else:
            unit = 2 * price - costs.price_fill(quote, sides, np.array([asked])).item()
        size, room = asked, self.find_room(s, side)
        most = costs.size_position(np.array([max(room, 0.0)]), np.array([unit])).item()
        if most < size:
            size = costs.round_size(np.array([most])).item()
        least = self.rules.minimum_fill if enters else 0.0
        if size <= 0 or size < least * asked:
            return False
        self.fill(bar, s, side * size)
        self.worth[s] = self.worth.get(s, 0.0) + side * size * price
        assert abs(self.worth[s]) <= limits.weight * self.base * (1 + 1e-9)
        return True

    def find_room(self, symbol: int, side: int) -> float:
        limits, worth, base = self.rules.limits, self.worth, self.base
        gross, net = sum(map(abs, worth.values())), sum(worth.values())
        left = [limits.gross * base - gross, limits.weight * base - abs(worth.get(symbol, 0.0))]
        left.append(limits.net_high * base - net if side > 0 else net - limits.net_low * base)
        if side > 0:
            left.append(self.cash)
        if limits.sectors is not None:
            mine = [s for s in worth if limits.sectors[s] == limits.sectors[symbol]]
            left.append(limits.sector_weight * base - sum(abs(worth[s]) for s in mine))
        return min(left)

    def fill(self, bar: int, symbol: int, shares: float, price: float | None = None) -> None:
        if not shares:
            return
        side, size = np.array([1 if shares > 0 else -1]), np.array([abs(shares)])
        quote = self.quote(bar, symbol, price)
        paid = self.costs.price_fill(quote, side, size)
        fees = self.costs.charge_fees(size, paid)
        self.cash -= shares * paid.item() + fees.item()
        self.held[symbol] = self.held.get(symbol, 0.0) + shares
        if self.held[symbol] == 0:
            del self.held[symbol]
        self.done.fills.append((bar, symbol, shares))


def sum_fills(fills: Any) -> dict[tuple[int, int], float]:
    """Return the shares that each symbol's fills of a bar add up to."""
    total: dict[tuple[int, int], float] = {}
    for bar, symbol, shares in fills:
        total[bar, symbol] = total.get((bar, symbol), 0.0) + shares
    return total
