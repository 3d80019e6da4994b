"""A second implementation of the engine: one backtest, bar by bar, in plain Python.

It shares no code and no structure with engine/: it keeps an account of cash and shares, and at
each bar fills the orders that an order book would have filled.
"""

from dataclasses import dataclass, field

from engine.settings import BacktestSettings
from strategies.base import Bars


@dataclass
class Account:
    """Cash, shares (negative when short), and the trades so far."""

    settings: BacktestSettings
    cash: float
    shares: float = 0.0
    paid: float = 0.0
    best: float = 0.0
    entry: dict[str, float] = field(default_factory=dict)
    trades: list[dict[str, float | str]] = field(default_factory=list)

    def enter(self, side: int, bar: int, price: float) -> None:
        if self.cash <= 0:
            return
        before = self.cash
        self.paid = self.best = price * (1 + side * self.settings.slippage)
        self.shares = side * before / (self.paid * (1 + self.settings.fees))
        fees = abs(self.shares) * self.paid * self.settings.fees
        self.cash -= self.shares * self.paid + fees
        self.entry = {"entry_idx": bar, "entry_price": self.paid, "entry_fees": fees}

    def leave(self, bar: int, price: float, reason: str) -> None:
        side = 1 if self.shares > 0 else -1
        # An open position is only marked: it pays neither slippage nor fees.
        marked = reason == "open"
        got = price if marked else price * (1 - side * self.settings.slippage)
        fees = 0.0 if marked else abs(self.shares) * got * self.settings.fees
        profit = self.shares * (got - self.paid) - self.entry["entry_fees"] - fees
        self.trades.append(
            self.entry
            | {"exit_idx": bar, "exit_price": got, "exit_fees": fees, "size": abs(self.shares)}
            | {"direction": int(side < 0), "status": int(not marked), "pnl": profit}
            | {"return": profit / (abs(self.shares) * self.paid), "reason": reason}
        )
        self.cash += self.shares * got - fees
        self.shares = 0.0


def reference(
    bars: Bars, entries: list[bool], exits: list[bool], settings: BacktestSettings
) -> tuple[list[dict[str, float | str]], list[float]]:
    """Return the trades and the equity at each close."""
    account, equity = Account(settings, settings.initial_capital), []
    last = len(bars) - 1
    waits = False
    # The order that waits for volume: whether it is an entry.
    order: bool | None = None
    for bar in range(len(bars)):
        waits = settings.require_volume and (waits or bars.volume[bar] > 0)
        traded = bars.volume[bar] > 0 or not waits
        at_open = settings.execution == "next_open"
        if at_open and bar > 0 and entries[bar - 1] != exits[bar - 1]:
            order = entries[bar - 1]
        if at_open and traded and order is not None:
            _signal(account, order, bar, bars.open[bar])
            order = None
        if account.shares and traded:
            _levels(account, bars, bar)
        if not at_open and entries[bar] != exits[bar]:
            order = entries[bar]
        if not at_open and traded and order is not None:
            _signal(account, order, bar, bars.close[bar])
            order = None
        equity.append(account.cash + account.shares * bars.close[bar])
    if account.shares:
        account.leave(last, bars.close[last], "open")
    return account.trades, equity


def _signal(account: Account, entry: bool, bar: int, price: float) -> None:
    direction = account.settings.direction
    if entry:
        if account.shares < 0:
            account.leave(bar, price, "signal")
        if account.shares == 0 and direction in ("long", "both"):
            account.enter(1, bar, price)
    else:
        if account.shares > 0:
            account.leave(bar, price, "signal")
        if account.shares == 0 and direction in ("short", "both"):
            account.enter(-1, bar, price)


def _levels(account: Account, bars: Bars, bar: int) -> None:
    opening, high, low = bars.open[bar], bars.high[bar], bars.low[bar]
    stops, target = _orders(account)
    long = account.shares > 0
    # The order book's view: a long's stops sell at or below a price, a short's buy at or above.
    against, favour = (low, high) if long else (high, low)
    for touched, filled_at_open in ((opening, True), (None, False)):
        for level, name in stops:
            price = against if touched is None else touched
            if (price <= level) if long else (price >= level):
                account.leave(bar, opening if filled_at_open else level, name)
                return
        price = favour if touched is None else touched
        if target is not None and ((price >= target) if long else (price <= target)):
            account.leave(bar, opening if filled_at_open else target, "take_profit")
            return
    account.best = max(account.best, high) if long else min(account.best, low)


def _orders(account: Account) -> tuple[list[tuple[float, str]], float | None]:
    """Return the resting stop orders, nearest first (at a tie the fixed one), and the target."""
    settings, side = account.settings, 1 if account.shares > 0 else -1
    stops: list[tuple[float, str]] = []
    if settings.stop_loss is not None:
        stops.append((account.paid * (1 - side * settings.stop_loss), "stop_loss"))
    if settings.trailing_stop is not None:
        stops.append((account.best * (1 - side * settings.trailing_stop), "trailing_stop"))
    stops.sort(key=lambda stop: -side * stop[0])
    profit = settings.take_profit
    return stops, None if profit is None else account.paid * (1 + side * profit)
