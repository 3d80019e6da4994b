"""A symbol's orders: the strategy's signals cut to the window and moved to where they fill."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engine.history import History
from engine.settings import BacktestSettings, Window
from strategies.base import Bools, Floats, Strategy


@dataclass(frozen=True)
class Orders:
    """What the simulation needs of one symbol; 1-D arrays, one element a bar of the window."""

    symbol: str
    dates: NDArray[np.datetime64]
    close: Floats
    price: Floats
    entries: Bools
    exits: Bools


def orders_of(
    history: History, strategy: Strategy, window: Window, settings: BacktestSettings
) -> Orders:
    """Return the orders of `strategy` on one symbol.

    Signals are computed on the whole history up to the window's end, so that indicators are
    warm; only those of bars inside the window are kept. With ``next_open`` they move to the
    next bar, so the last bar's are dropped and the first fill is the second bar's open.

    Raises
    ------
    UnusableBarsError
        When the bars cannot be simulated.
    """
    history = history.up_to_end_of(window)
    first = history.first_bar_in(window)
    signals = strategy.signals(history.bars)
    entries, exits = signals.entries[first:], signals.exits[first:]
    close = history.bars.close[first:]
    if settings.execution == "same_close":
        price = close
    else:
        entries, exits, price = _next(entries), _next(exits), history.bars.open[first:]
    return Orders(history.symbol, history.dates[first:], close, price, entries, exits)


def _next(signals: Bools) -> Bools:
    moved = np.zeros_like(signals)
    moved[1:] = signals[:-1]
    return moved
