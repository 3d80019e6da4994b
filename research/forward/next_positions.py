"""Positions of tomorrow: what is held at the last close, and what fills at the next open.

They rest on the bars that there are, and follow from the engine's own path. What can't be known
before the next bar is not in them:

- whether that bar has volume: without any, orders wait (`require_volume`), and with a cap on the
  share of it orders are filled in part;
- a stop or target that is reached within that bar, or that its open has passed; their prices are
  in `NextPosition`;
- whether a reversed short leaves any cash, when the open is several times the last close;
- with `same_close`, the signal of that bar itself, which replaces an order that waits for volume.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np

from engine.errors import UnusableBarsError
from engine.failure import Failure
from engine.history import History
from engine.positions import SIGNAL
from engine.settings import BacktestSettings, Window
from research.forward.next_actions import ACTIONS
from research.forward.one_bar_ahead import BarAhead, simulate_ahead
from strategies.base import Floats, Strategy


@dataclass(frozen=True)
class NextPosition:
    """What a strategy holds of a symbol, and what it does on the next bar.

    Parameters
    ----------
    bar
        The symbol's last bar, on which all of it rests.
    stale
        Whether the window has sessions after that bar.
    held
        The side at its close: 1 long, -1 short, 0 none.
    shares, entry_date, entry_price
        Of the position that is held, and the price of its fill; 0 and None without one. Shares are
        those of an account that began the window with the settings' capital.
    next_side
        The side once the next bar has filled what is ordered.
    action
        One of `research.forward.next_actions.ACTIONS`.
    fills_at
        ``open`` or ``close`` of the next bar; "" where nothing is ordered.
    waits
        Whether the order is that of an earlier bar, and has waited for volume.
    stop_price, target_price
        The market's prices at which the position held is left within the next bar, the nearer of
        two stops; None without.
    """

    strategy: str
    symbol: str
    bar: date
    stale: bool
    held: int
    shares: float
    entry_date: date | None
    entry_price: float | None
    next_side: int
    action: str
    fills_at: str
    waits: bool
    stop_price: float | None
    target_price: float | None


def find_next_positions(
    histories: Iterable[History],
    strategies: Sequence[Strategy],
    window: Window,
    settings: BacktestSettings,
) -> tuple[list[NextPosition], list[Failure]]:
    """Return the positions by symbol and strategy, in the order given, and what failed.

    A failure without a strategy is the symbol's, under all strategies.
    """
    found: list[NextPosition] = []
    failures: list[Failure] = []
    for history in histories:
        try:
            cut = history.cut_to(window)
        except UnusableBarsError as error:
            failures.append(Failure.of(history.symbol, error))
            continue
        ahead = simulate_ahead(cut, strategies, settings)
        failures += ahead.failures
        found += describe_next_positions(ahead, window)
    return found, failures


def describe_next_positions(ahead: BarAhead, window: Window) -> Iterator[NextPosition]:
    """Yield the position of each strategy on a symbol."""
    history, simulation = ahead.history, ahead.simulation
    settings, first = simulation.orders.settings, simulation.first.tolist()
    next_bar = simulation.equity.shape[1] - 1
    bar, stale = history.dates[-1].astype(date), history.ends_before(window)
    days = history.dates[history.first :]
    for row, strategy in enumerate(ahead.strategies):
        held, next_side, trade = _find_sides(
            simulation.trades[first[row] : first[row + 1]], next_bar
        )
        shares, leaving = 0.0 if trade is None else float(trade["size"]), False
        if simulation.ledger is not None:
            # Of what is being left over several bars only the rest is held, and it has no levels.
            shares = abs(float(simulation.ledger.shares_before_last[row]))
            leaving = bool(simulation.ledger.leaving_before_last[row])
        if leaving and next_side == held:
            next_side = 0
        levels = trade is not None and not leaving
        stop, target = _find_levels(ahead, trade, held) if levels else (None, None)
        ordered = held != next_side
        yield NextPosition(
            strategy=strategy.name,
            symbol=history.symbol,
            bar=bar,
            stale=stale,
            held=held,
            shares=shares,
            entry_date=None if trade is None else days[int(trade["entry_idx"])].astype(date),
            entry_price=None if trade is None else float(trade["entry_price"]),
            next_side=next_side,
            action=ACTIONS[held, next_side],
            fills_at=("close" if settings.execution == "same_close" else "open") * ordered,
            waits=ordered and bool(simulation.orders.waited[row, next_bar]),
            stop_price=stop,
            target_price=target,
        )


def _find_sides(trades: Any, next_bar: int) -> tuple[int, int, Any]:
    """Return the side that is held, the one that comes next, and the trade that holds it.

    A stop on the placeholder says nothing: its prices are made up.
    """
    held = next_side = 0
    position = None
    for trade in trades[-2:]:  # the one that is held, and the one that follows
        side = -1 if trade["direction"] else 1
        if trade["entry_idx"] == next_bar:
            next_side = side
        elif not trade["status"] or trade["exit_idx"] == next_bar:
            held, position = side, trade
            leaves = trade["status"] and trade["exit_reason"] == SIGNAL
            next_side = 0 if leaves else side
    return held, next_side, position


def _find_levels(ahead: BarAhead, trade: Any, side: int) -> tuple[float | None, float | None]:
    """Return the market's prices at which a position is left within the next bar."""
    orders = ahead.simulation.orders
    settings = orders.settings
    paid = float(trade["entry_price"])
    stops: list[float] = []
    if settings.stop_loss is not None:
        stops.append(paid * (1.0 - side * settings.stop_loss))
    if settings.trailing_stop is not None:
        begin = int(trade["entry_idx"]) + (settings.execution == "same_close")
        best = _find_best(orders.high if side > 0 else orders.low, begin, side, paid)
        stops.append(best * (1.0 - side * settings.trailing_stop))
    stop = (max if side > 0 else min)(stops) if stops else None
    if settings.take_profit is None:
        return stop, None
    return stop, paid * (1.0 + side * settings.take_profit)


def _find_best(extremes: Floats, begin: int, side: int, paid: float) -> float:
    """Return the best price since an entry; bars without volume, which are NaN, move nothing."""
    since = side * np.append(extremes[0, begin:-1], paid)
    return side * float(np.fmax.reduce(since))
