"""Whether limits held: a portfolio's exposure on each bar on which it was increased."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.account.outcome import DELISTED, AccountOutcome
from engine.account.rules import AccountRules
from strategies.base import Floats, Ints

_TOLERANCE = 1e-9
_BARS_AT_ONCE = 256


@dataclass(frozen=True)
class Breach:
    """A limit that did not hold: its name, where it did not first, and by how much."""

    limit: str
    day: str
    found: float
    allowed: float


def find_breaches(outcome: AccountOutcome, rules: AccountRules) -> list[Breach]:
    """Return the limits that did not hold, each with the first bar, from the fills alone.

    Weights are those at the opens of bars on which a position was increased, of the equity at the
    open; the number of positions is that at each close.
    """
    found: dict[str, Breach] = {}
    day = outcome.market.dates
    positions = outcome.held().count()
    if (most := int(positions.max(initial=0))) > rules.slots:
        bar = int((positions > rules.slots).argmax())
        found["max_positions"] = Breach("max_positions", str(day[bar]), most, rules.slots)
    for bars, before, after in _replay(outcome):
        mark = np.stack([outcome.market.mark(bar) for bar in bars.tolist()])
        cash = outcome.cash[bars - 1] + outcome.accrued[bars]
        equity = cash + (before * mark).sum(axis=1)
        for name, actual, allowed in _list_limits(rules, before, after, mark):
            wrong = actual > (allowed + _TOLERANCE) * equity
            if wrong.any() and name not in found:
                at = int(wrong.argmax())
                share = float(actual[at] / equity[at])
                found[name] = Breach(name, str(day[bars[at]]), share, allowed)
    return list(found.values())


def _replay(outcome: AccountOutcome) -> Iterator[tuple[Ints, Floats, Floats]]:
    """Yield bars with fills at their opens, and the shares before and after, so many at a time."""
    fills = outcome.fills
    opens = np.unique(fills["bar"][fills["reason"] != DELISTED]).astype(np.int64)
    shares, first = np.zeros(len(outcome.market.symbols)), 0
    for start in range(0, len(opens), _BARS_AT_ONCE):
        bars = opens[start : start + _BARS_AT_ONCE]
        before, after = (np.empty((len(bars), len(shares))) for _ in range(2))
        for row, bar in enumerate(bars.tolist()):
            stop = int(np.searchsorted(fills["bar"], bar))
            _add(shares, fills[first:stop])
            before[row] = shares
            first = int(np.searchsorted(fills["bar"], bar + 1))
            of_bar = fills[stop:first]
            at_close = of_bar["reason"] == DELISTED
            _add(shares, of_bar[~at_close])
            after[row] = shares
            _add(shares, of_bar[at_close])
        yield bars, before, after


def _add(shares: Floats, fills: NDArray[Any]) -> None:
    np.add.at(shares, fills["symbol"], fills["size"])


def _list_limits(
    rules: AccountRules, before: Floats, after: Floats, mark: Floats
) -> Iterator[tuple[str, Floats, float]]:
    """Yield what each limit is on, in money on each bar, 0 where nothing was increased."""
    limits = rules.limits
    increased = np.abs(after) > np.abs(before) * (1.0 + _TOLERANCE)
    value = after * mark
    size = np.abs(value)
    bought, sold = ((increased & (side * after > 0)).any(axis=1) for side in (1, -1))
    net = value.sum(axis=1)
    yield "max_weight", np.where(increased, size, 0.0).max(axis=1), limits.weight
    yield "max_gross", np.where(bought | sold, size.sum(axis=1), 0.0), limits.gross
    yield "max_net", np.where(bought, net, 0.0), limits.net_high
    yield "min_net", np.where(sold, -net, 0.0), -limits.net_low
    if limits.sectors is not None:
        for sector in np.unique(limits.sectors):
            members = limits.sectors == sector
            total = size[:, members].sum(axis=1)
            grown = increased[:, members].any(axis=1)
            yield "max_sector_weight", np.where(grown, total, 0.0), limits.sector_weight
