"""On which days an account is rebalanced."""

import numpy as np
from numpy.typing import NDArray

from engine.account.market import AccountMarket
from strategies.base import Bools


def find_rebalances(market: AccountMarket, rebalance: str) -> Bools:
    """Return at which closes all positions are sized again, shape (T,).

    ``weekly`` and ``monthly``: once the first session of a week or month is known, so that nothing
    needs to be known of later days; fills are on the next session. Of several exchanges, a session
    is a day on which half of the symbols that have had a bar have one; days between two sessions
    belong to the first, and what is decided is so at the last close before the second.

    Parameters
    ----------
    rebalance
        One of `research.portfolio.definition.CALENDARS`.
    """
    if rebalance == "on_signal":
        return np.zeros(len(market.dates), dtype=np.bool_)
    sessions = np.flatnonzero(_find_sessions(market))
    decides = np.append(sessions[1:] - 1, len(market.dates) - 1)[: len(sessions)]
    if rebalance != "daily":
        days = market.dates[sessions]
        period = _number_weeks(days) if rebalance == "weekly" else days.astype("datetime64[M]")
        decides = decides[np.append(np.True_, period[1:] != period[:-1])[: len(days)]]
    found = np.zeros(len(market.dates), dtype=np.bool_)
    found[decides] = True
    return found


def _find_sessions(market: AccountMarket) -> Bools:
    listed = (market.close > 0) & (np.arange(len(market.dates))[:, None] <= market.ends)
    traded = np.count_nonzero(np.isfinite(market.open), axis=1)
    return 2 * traded >= np.maximum(np.count_nonzero(listed, axis=1), 1)


def _number_weeks(days: NDArray[np.datetime64]) -> NDArray[np.int64]:
    """Return the number of each day's week, Monday first; 1970-01-01 was a Thursday."""
    return (days.astype(np.int64) + 3) // 7
