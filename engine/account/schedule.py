"""On which bars an account has something to do, and with which symbols."""

from dataclasses import dataclass

import numpy as np

from engine.account.market import AccountMarket
from engine.account.rules import Targets
from strategies.base import Ints


@dataclass(frozen=True, eq=False)
class Schedule:
    """The changes of targets by the bar that fills them.

    Parameters
    ----------
    symbol, target
        Of each change, by bar: its symbol, and what is wanted of it when it is filled, shape (E,).
    first
        Index of each bar's first change, and the number of all, shape (T + 1,).
    waiting
        The symbols that have waited for a day with trade, by bar.
    ending
        The symbols that end on a bar, by bar.
    """

    symbol: Ints
    target: Targets
    first: list[int]
    waiting: dict[int, set[int]]
    ending: dict[int, Ints]

    @classmethod
    def of(cls, targets: Targets, market: AccountMarket) -> "Schedule":
        """Return when the changes of targets at each close are filled.

        That is at the open of the next day with trade; of several changes that wait for the same
        one, the last counts. Those that no day follows are dropped.
        """
        bars, count = targets.shape
        bar, symbol = _find_changes(targets)
        kept = bar < bars - 1
        bar, symbol = bar[kept], symbol[kept]
        fill = bar + 1
        waits = np.isnan(market.open[fill, symbol])
        fill[waits] = _find_next_trade(market, fill[waits], symbol[waits])
        kept = fill < bars
        bar, symbol, fill = bar[kept], symbol[kept], fill[kept]
        # One change per bar and symbol: what the others wanted is part of the last one's target.
        _, at = np.unique(fill * count + symbol, return_index=True)
        waiting: dict[int, set[int]] = {}
        for late in np.flatnonzero(fill > bar + 1).tolist():
            waiting.setdefault(int(fill[late]), set()).add(int(symbol[late]))
        fill, symbol = fill[at], symbol[at]
        first = np.searchsorted(fill, np.arange(bars + 1)).tolist()
        ends = market.ends
        ending = {int(one): np.flatnonzero(ends == one) for one in np.unique(ends[ends < bars])}
        return cls(symbol, targets[fill - 1, symbol], first, waiting, ending)


def _find_changes(targets: Targets) -> tuple[Ints, Ints]:
    """Return bar and symbol of each target that differs from the one before; at first from 0."""
    changed = np.empty(targets.shape, dtype=np.bool_)
    np.not_equal(targets[1:], targets[:-1], out=changed[1:])
    np.not_equal(targets[0], 0, out=changed[0])
    bar, symbol = np.nonzero(changed)
    return bar, symbol


def _find_next_trade(market: AccountMarket, bar: Ints, symbol: Ints) -> Ints:
    """Return the first bar from `bar` on with trade; T where there is none."""
    found = np.full(len(bar), len(market.open))
    for one in np.unique(symbol):
        mine = symbol == one
        days = np.append(np.flatnonzero(np.isfinite(market.open[:, one])), len(market.open))
        found[mine] = days[np.searchsorted(days, bar[mine])]
    return found
