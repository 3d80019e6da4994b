"""When positions are opened and closed: all signals of a block become round trips at once."""

from dataclasses import dataclass, fields

import numpy as np

from engine.orders import Orders
from engine.settings import Direction
from strategies.base import Bools, Floats, Ints

EXIT_REASONS = ("open", "signal", "stop_loss", "trailing_stop", "take_profit")
"""Why a position ended, by code; ``open``: it did not, and is marked at the last close."""

OPEN, SIGNAL, STOP_LOSS, TRAILING_STOP, TAKE_PROFIT = range(len(EXIT_REASONS))


@dataclass(frozen=True)
class Positions:
    """The positions of a block, by backtest and time; all arrays have shape (M,).

    `backtest` is the row, `side` 1 for long and -1 for short; prices are the market's, before
    costs. An open position ends on the last bar, at its close.
    """

    backtest: Ints
    side: Ints
    entry_bar: Ints
    entry_price: Floats
    exit_bar: Ints
    exit_price: Floats
    reason: Ints

    def only(self, kept: Bools | Ints) -> "Positions":
        """Return the positions where `kept` is true, or whose indices it holds."""
        return Positions(*(getattr(self, field.name)[kept] for field in fields(self)))


SIDES: dict[Direction, tuple[int, int]] = {"long": (1, 0), "short": (0, -1), "both": (1, -1)}
"""The target side of an entry signal, and of an exit signal, by direction; 0 is flat."""


@dataclass(frozen=True)
class TargetSides:
    """The side that each signal of a block asks for, by backtest and time; all of shape (S,).

    Parameters
    ----------
    backtest, bar
        Where the signal fills.
    side
        1, -1 or 0 for flat.
    turns
        Whether the side differs from that of the backtest's previous signal.
    """

    backtest: Ints
    bar: Ints
    side: Ints
    turns: Bools

    def only(self, kept: Bools | slice) -> "TargetSides":
        """Return the signals where `kept` is true, or those of a slice."""
        return TargetSides(*(getattr(self, field.name)[kept] for field in fields(self)))


def find_target_sides(orders: Orders, *, only_turns: bool = False) -> TargetSides:
    """Return the target side of every signal of a block, or of those alone that turn."""
    count, bars = orders.entries.shape
    entry, exit_ = SIDES[orders.settings.direction]
    at = np.flatnonzero(orders.entries | orders.exits)
    enters = orders.entries.ravel()[at]
    first = np.searchsorted(at, np.arange(count) * bars)
    turns = np.ones(len(at) + 1, dtype=np.bool_)
    np.not_equal(enters[1:], enters[:-1], out=turns[1:-1])
    # The first signal of a backtest; without any it is the next backtest's, or behind the last.
    turns[first] = True
    turns = turns[:-1]
    if only_turns:  # of a strategy with signals on every other bar, one in thirty
        at, enters, turns = at[turns], enters[turns], turns[turns]
    backtest, bar = np.divmod(at, bars)
    return TargetSides(backtest, bar, np.where(enters, entry, exit_), turns)


def find_next_turn(targets: TargetSides, bars: int) -> Ints:
    """Return the bar of the next signal of the backtest with another side; `bars` if none."""
    begins = np.append(np.flatnonzero(targets.turns), len(targets.turns))
    following = begins[np.cumsum(targets.turns)]
    bar, backtest = np.append(targets.bar, bars), np.append(targets.backtest, -1)
    return np.where(backtest[following] == targets.backtest, bar[following], bars)


def find_positions(orders: Orders) -> Positions:
    """Return the positions that signals alone open and close.

    After each signal a backtest is on the signal's side, so a position begins with the first of
    consecutive signals for the same side. No loop is needed.
    """
    bars = orders.close.shape[1]
    targets = find_target_sides(orders, only_turns=True)
    exit_bar = np.full(len(targets.bar), bars)
    goes_on = targets.backtest[1:] == targets.backtest[:-1]
    exit_bar[:-1][goes_on] = targets.bar[1:][goes_on]
    held = targets.side != 0
    targets, exit_bar = targets.only(held), exit_bar[held]
    symbol, price = orders.symbol_of[targets.backtest], orders.fill_price
    closed = exit_bar < bars
    exit_bar = np.minimum(exit_bar, bars - 1)
    return Positions(
        backtest=targets.backtest,
        side=targets.side,
        entry_bar=targets.bar,
        entry_price=price[symbol, targets.bar],
        exit_bar=exit_bar,
        exit_price=np.where(closed, price[symbol, exit_bar], orders.close[symbol, -1]),
        reason=np.where(closed, SIGNAL, OPEN),
    )
