"""How deep the drawdown would have been, had the same trades come in another order."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from strategies.base import Floats
from strategies.portable import exp, log

DRAWS = 200


@dataclass(frozen=True)
class TradeShuffle:
    """Maximum drawdowns of accounts at the ends of trades, mean over symbols; from 0 to 1.

    Parameters
    ----------
    drawdown
        In the order that the trades had.
    low, median, high
        The 5 %, 50 % and 95 % quantiles over draws of other orders.
    deeper
        Share of draws that are at least as deep.
    trades
        Number of trades.
    """

    drawdown: float
    low: float
    median: float
    high: float
    deeper: float
    trades: int


def shuffle_trades(growth: Sequence[Floats], *, draws: int = DRAWS, seed: int = 0) -> TradeShuffle:
    """Return the drawdowns of the trades of each symbol's account, in random orders.

    It says something of drawdowns only: the product of all trades, and so the total return, is the
    same in every order.

    Parameters
    ----------
    growth
        Per symbol what each trade made of one unit of the account, in their order; symbols without
        trades may be left out. All NaN without any trade.
    """
    longest = max(map(len, growth), default=0)
    if not longest:
        nothing = math.nan
        return TradeShuffle(nothing, nothing, nothing, nothing, nothing, 0)
    # Rows of the same length: a trade that changes nothing changes no drawdown, wherever it is.
    logs = np.zeros((len(growth), longest))
    for row, one in zip(logs, growth, strict=True):
        row[: len(one)] = log(np.maximum(one, 1e-12))
    generator = np.random.default_rng(seed)
    found = np.array(
        [_find_drawdowns(generator.permuted(logs, axis=1)).mean() for _ in range(draws)]
    )
    own = float(_find_drawdowns(logs).mean())
    low, median, high = np.quantile(found, [0.05, 0.5, 0.95]).tolist()
    deeper = float((found >= own - 1e-12).mean())
    return TradeShuffle(own, low, median, high, deeper, sum(map(len, growth)))


def _find_drawdowns(logs: Floats) -> Floats:
    """Return the maximum drawdown of each row of log growth, the capital being the first peak."""
    level = logs.cumsum(axis=1)
    peak = np.maximum(np.maximum.accumulate(level, axis=1), 0.0)
    return 1.0 - exp((level - peak).min(axis=1))
