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
        open_ = outcome.market.open[bars]
        mark = np.where(np.isfinite(open_), open_, outcome.market.close[bars - 1])
        cash = outcome.cash[bars - 1] + outcome.accrued[bars]
        equity = cash + (before * mark).sum(axis=1)
        for name, actual, allowed in _list_limits(rules, before, after, mark, equity):
            wrong = actual > (allowed + _TOLERANCE) * equity
            if wrong.any() and name not in found:
                at = int(wrong.argmax())
                share = float(actual[at] / equity[at])
                found[name] = Breach(name, str(day[bars[at]]), share, allowed)
    return list(found.values())


def _replay(outcome: AccountOutcome) -> Iterator[tuple[Ints, Floats, Floats]]:
    """Yield bars with fills at their opens, and the shares before and after, so many at a time."""
    fills = outcome.fills
    at_close = fills["reason"] == DELISTED
    opens = np.unique(fills["bar"][~at_close]).astype(np.int64)
    # What is closed at a close is gone at the next open with fills.
    row = np.searchsorted(opens, fills["bar"] + at_close)
    shares = np.zeros(len(outcome.market.symbols))
    for start in range(0, len(opens), _BARS_AT_ONCE):
        bars = opens[start : start + _BARS_AT_ONCE]
        here = (row >= start) & (row < start + len(bars))
        traded, gone = (
            _spread(fills[here & chosen], row[here & chosen] - start, len(bars), len(shares))
            for chosen in (~at_close, at_close)
        )
        after = shares + np.cumsum(traded + gone, axis=0)
        yield bars, after - traded, after
        shares = after[-1]


def _spread(fills: NDArray[Any], row: Ints, rows: int, symbols: int) -> Floats:
    """Return the shares that fills add up to, by row and symbol."""
    place = row * symbols + fills["symbol"]
    total = np.bincount(place, fills["size"], minlength=rows * symbols).astype(np.float64)
    return total.reshape(rows, symbols)


def _list_limits(
    rules: AccountRules, before: Floats, after: Floats, mark: Floats, equity: Floats
) -> Iterator[tuple[str, Floats, float]]:
    """Yield what each limit is on, in money on each bar, -inf where nothing was increased."""
    limits = rules.limits
    # More than what the rounding of sums leaves.
    grown = (np.abs(after) - np.abs(before)) * mark
    increased = grown > _TOLERANCE * np.abs(equity)[:, None]
    value = after * mark
    size = np.abs(value)
    bought, sold = ((increased & (side * after > 0)).any(axis=1) for side in (1, -1))
    net = value.sum(axis=1)
    yield "max_weight", np.where(increased, size, -np.inf).max(axis=1), limits.weight
    yield "max_gross", np.where(bought | sold, size.sum(axis=1), -np.inf), limits.gross
    yield "max_net", np.where(bought, net, -np.inf), limits.net_high
    yield "min_net", np.where(sold, -net, -np.inf), -limits.net_low
    if limits.sectors is not None:
        for sector in np.unique(limits.sectors):
            members = limits.sectors == sector
            total = size[:, members].sum(axis=1)
            more = increased[:, members].any(axis=1)
            yield "max_sector_weight", np.where(more, total, -np.inf), limits.sector_weight
