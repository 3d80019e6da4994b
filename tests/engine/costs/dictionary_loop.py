"""A second implementation of costs: one backtest in plain Python, of what settings say as JSON.

It shares no code and no structure with engine/: an account is a dictionary, fees are written out,
and sizes are found by halving an interval instead of by a formula.
"""

import math
from datetime import date
from typing import Any

from engine.history import History

Account = dict[str, Any]


def trade_by_dictionary(
    history: History,
    entries: list[bool],
    exits: list[bool],
    settings: dict[str, Any],
) -> tuple[list[dict[str, Any]], list[float], Account]:
    """Return the trades, the equity at each close, and the account at the end.

    Without `require_volume`; the window is the whole history.
    """
    market = _Market(history, settings)
    account: Account = {
        "cash": settings["initial_capital"], "shares": 0.0, "leaving": "", "trades": [],
        "interest": 0.0, "borrow_fees": 0.0, "unfilled": 0, "slippage": 0.0, "traded": 0.0,
    }  # fmt: skip
    at_open = settings["execution"] == "next_open"
    equity: list[float] = []
    for bar in range(len(market.close)):
        account["filled"], account["was_leaving"] = 0.0, account["leaving"]
        if bar:
            _accrue(account, market, bar)
        told = bar - 1 if at_open else bar
        signal = None
        if told >= 0 and entries[told] != exits[told]:
            signal = entries[told]
        if at_open:
            _follow(account, market, bar, market.open[bar], signal)
        _watch_levels(account, market, bar)
        if not at_open:
            _follow(account, market, bar, market.close[bar], signal)
        equity.append(account["cash"] + account["shares"] * market.close[bar])
    if account["shares"]:
        held = abs(account["shares"])
        account["proceeds"] += held * market.close[-1]
        _write_trade(account, len(equity) - 1, "open")
    return account["trades"], equity, account


class _Market:
    def __init__(self, history: History, settings: dict[str, Any]) -> None:
        bars = history.bars
        self.open, self.close = bars.open.tolist(), bars.close.tolist()
        self.high, self.low = bars.high.tolist(), bars.low.tolist()
        self.volume = bars.volume.tolist()
        self.days: list[date] = history.dates.tolist()
        spread = history.half_spread
        self.spread: list[float] = [] if spread is None else spread.tolist()
        self.settings = settings
        self.costs: dict[str, dict[str, Any]] = {one["model"]: one for one in settings["costs"]}

    def get(self, model: str, name: str, default: Any = None) -> Any:
        return self.costs.get(model, {}).get(name, default)

    def find_volatility(self, bar: int) -> float | None:
        first = max(1, bar - 20)
        moves = [self.close[k] / self.close[k - 1] - 1 for k in range(first, bar)]
        if len(moves) < 2:
            return None
        mean = sum(moves) / len(moves)
        return math.sqrt(sum((one - mean) ** 2 for one in moves) / (len(moves) - 1))

    def worsen(self, bar: int, price: float, side: int, share: float) -> float:
        """Return the price of a fill that takes a share of the bar's volume."""
        worse = self.get("slippage", "fraction", 0.0)
        if "half_spread" in self.costs:
            points = self.get("half_spread", "basis_points")
            spread = self.spread[bar] if points is None else points / 10_000
            worse += spread * self.get("half_spread", "multiple", 1.0)
        if "square_root_impact" in self.costs and self.is_traded(bar):
            volatility = self.find_volatility(bar) or 0.0
            coefficient = self.get("square_root_impact", "coefficient", 1.0)
            worse += coefficient * volatility * math.sqrt(share)
        return price * (1 + side * min(worse, 0.5))

    def is_traded(self, bar: int) -> bool:
        """Return whether the volume of a bar is known: there was some by then."""
        return any(one > 0 for one in self.volume[: bar + 1])

    def cap(self, bar: int) -> float:
        if "square_root_impact" not in self.costs or not self.is_traded(bar):
            return math.inf
        return self.get("square_root_impact", "volume_share", 0.1) * self.volume[bar]

    def charge(self, size: float, price: float) -> float:
        if size == 0:
            return 0.0
        value = size * price
        fee = value * self.get("percentage", "rate", 0.0) + self.get("per_order", "amount", 0.0)
        if "per_share" in self.costs:
            per_share = max(
                size * self.get("per_share", "rate"), self.get("per_share", "minimum", 0)
            )
            most = self.get("per_share", "maximum")
            fee += per_share if most is None else min(per_share, most * value)
        return fee

    def round(self, size: float) -> float:
        lot = self.get("lots", "size")
        if lot is None or math.isinf(size):
            return size
        return math.floor(size / lot + 1e-9) * lot

    def find_size(self, cash: float, bound: float) -> float:
        """Return the most shares that the cash pays for, by halving."""
        low, high = 0.0, cash / bound
        for _ in range(200):
            middle = (low + high) / 2
            if middle * bound + self.charge(middle, bound) <= cash:
                low = middle
            else:
                high = middle
        return low

    def find_rate(self, day: date) -> float:
        dated = self.get("cash_interest", "rates")
        if dated is None:
            return self.get("cash_interest", "rate", 0.0) or 0.0
        known = [rate for since, rate in sorted(dated.items()) if date.fromisoformat(since) <= day]
        return known[-1] if known else 0.0


def _accrue(account: Account, market: _Market, bar: int) -> None:
    years = (market.days[bar] - market.days[bar - 1]).days / 365
    short = max(-account["shares"], 0.0) * market.close[bar - 1]
    free = max(account["cash"] - short, 0.0)
    interest = free * market.find_rate(market.days[bar - 1]) * years
    fees = short * market.get("borrow", "rate", 0.0) * years
    account["cash"] += interest - fees
    account["interest"] += interest
    account["borrow_fees"] += fees


def _follow(account: Account, market: _Market, bar: int, price: float, signal: bool | None) -> None:
    if account["was_leaving"]:
        _leave(account, market, bar, price, account["leaving"])
    if signal is None:
        return
    direction = market.settings["direction"]
    wanted = {
        (True, "long"): 1, (True, "both"): 1, (True, "short"): 0,
        (False, "long"): 0, (False, "both"): -1, (False, "short"): -1,
    }[signal, direction]  # fmt: skip
    held = (account["shares"] > 0) - (account["shares"] < 0)
    if held and held != wanted and not account["leaving"]:
        _leave(account, market, bar, price, "signal")
    if not wanted:
        return
    if account["leaving"]:
        account["unfilled"] += 1
    elif not account["shares"]:
        _enter(account, market, bar, price, wanted)


def _enter(account: Account, market: _Market, bar: int, price: float, side: int) -> None:
    if account["cash"] <= 0:
        return
    # The volume of the bar is not known yet: a purchase reserves for the most impact there can be.
    share = market.get("square_root_impact", "volume_share", 0.1) if side > 0 else 0.0
    wanted = market.round(market.find_size(account["cash"], market.worsen(bar, price, side, share)))
    size = min(wanted, market.round(max(market.cap(bar) - account["filled"], 0.0)))
    if size < wanted or size <= 0:
        account["unfilled"] += 1
    if size <= 0:
        return
    paid = _fill(account, market, bar, price, side, size)
    account |= {
        "entry_idx": bar, "entry_price": paid, "entry_fees": market.charge(size, paid),
        "size": size, "side": side, "best": paid, "proceeds": 0.0, "exit_fees": 0.0,
    }  # fmt: skip


def _leave(account: Account, market: _Market, bar: int, price: float, reason: str) -> None:
    held, side = abs(account["shares"]), -1 if account["shares"] > 0 else 1
    most = max(market.cap(bar) - account["filled"], 0.0)
    size = held if most >= held else market.round(most)
    got = _fill(account, market, bar, price, side, size)
    account["proceeds"] += size * got
    account["exit_fees"] += market.charge(size, got)
    if size == held:
        account["shares"], account["leaving"] = 0.0, ""
        _write_trade(account, bar, reason)
    else:
        account["leaving"] = reason
        account["unfilled"] += 1


def _fill(
    account: Account, market: _Market, bar: int, price: float, side: int, size: float
) -> float:
    volume = market.volume[bar]
    at = market.worsen(bar, price, side, size / volume if volume > 0 else 0.0)
    account["cash"] -= side * size * at + market.charge(size, at)
    account["shares"] += side * size
    account["filled"] += size
    account["slippage"] += size * abs(at - price)
    account["traded"] += size * at
    return at


def _write_trade(account: Account, bar: int, reason: str) -> None:
    size, entry, side = account["size"], account["entry_price"], account["side"]
    fees = account["entry_fees"] + account["exit_fees"]
    profit = side * (account["proceeds"] - size * entry) - fees
    account["trades"].append(
        {
            "entry_idx": account["entry_idx"], "exit_idx": bar, "direction": int(side < 0),
            "status": int(reason != "open"), "entry_price": entry, "size": size,
            "entry_fees": account["entry_fees"], "exit_fees": account["exit_fees"],
            "exit_price": account["proceeds"] / size, "pnl": profit,
            "return": profit / (size * entry), "reason": reason,
        }
    )  # fmt: skip


def _watch_levels(  # noqa: C901 - the rules in their order
    account: Account, market: _Market, bar: int
) -> None:
    if not account["shares"] or account["leaving"]:
        return
    settings, side, paid = market.settings, account["side"], account["entry_price"]
    opening, high, low = market.open[bar], market.high[bar], market.low[bar]
    against, favour = (low, high) if side > 0 else (high, low)
    stops: list[tuple[float, str]] = []
    if settings["stop_loss"] is not None:
        stops.append((paid * (1 - side * settings["stop_loss"]), "stop_loss"))
    if settings["trailing_stop"] is not None:
        level = account["best"] * (1 - side * settings["trailing_stop"])
        stops.append((level, "trailing_stop"))
    # The nearest first; of two at one price, the fixed one.
    stops.sort(key=lambda stop: -side * stop[0])
    target = settings["take_profit"]
    if target is not None:
        target = paid * (1 + side * target)
    for at_open in (True, False):
        price = opening if at_open else against
        for level, reason in stops:
            if side * price <= side * level:
                _leave(account, market, bar, opening if at_open else level, reason)
                return
        price = opening if at_open else favour
        if target is not None and side * price >= side * target:
            _leave(account, market, bar, opening if at_open else target, "take_profit")
            return
    account["best"] = max(account["best"], high) if side > 0 else min(account["best"], low)
