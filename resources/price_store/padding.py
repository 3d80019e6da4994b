"""Drops bars that fill the days on which an exchange was closed.

Files that were filled to all days of the calendar repeat Friday's bar on Saturday and Sunday. Such
bars would be sessions to every indicator, and to annualization.
"""

from typing import TYPE_CHECKING

from resources.trading_calendar import find_calendar

if TYPE_CHECKING:
    import numpy as np
    import polars as pl


def drop_padding(bars: "pl.DataFrame", calendar: str | None) -> tuple["pl.DataFrame", int]:
    """Return bars without padding, and how many were dropped.

    Padding is a bar of a day on which the symbol's exchange was closed that repeats the close
    before it, either without volume or as a copy of the whole bar. Other bars of such days are
    kept, and told by the check of sessions: something was traded, so the calendar is another one.

    Parameters
    ----------
    bars
        Valid bars, at least one.
    calendar
        The name of the symbol's calendar; without one the bars that are not copies show it.
    """
    import numpy as np

    dates = bars["date"].to_numpy().astype("datetime64[D]")
    copies = _find_copies(bars)
    if not copies.any():
        return bars, 0
    found = find_calendar(calendar, dates[~copies])
    known = (dates >= np.datetime64(found.first_day)) & (dates <= np.datetime64(found.last_day))
    sessions = found.sessions(bars["date"][0], bars["date"][-1])
    closed = known & ~np.isin(dates, sessions)
    padding = copies & closed
    if not padding.any():
        return bars, 0
    # What the first bar repeats is not here: it is as all others of closed days.
    padding[0] = closed[0] and (padding[1:] == closed[1:]).all() and not padding[1:].all()
    return bars.filter(~padding), int(padding.sum())


def _find_copies(bars: "pl.DataFrame") -> "np.ndarray":
    """Return which bars repeat the close before them and show no trade of their own, shape (n,)."""
    import numpy as np

    from resources.market_data.bars import PRICES

    values = np.stack([bars[name].to_numpy() for name in (*PRICES, "volume")])
    before = np.column_stack([values[:, :1], values[:, :-1]])
    before[-1, 0] = np.nan  # nothing is known of what is before the first bar
    opens, high, low, close, volume = values
    flat = (opens == close) & (high == close) & (low == close)
    repeated = (values == before).all(axis=0)
    return (volume == 0.0) & (flat | (values[:4] == before[:4]).all(axis=0)) & (
        close == before[3]
    ) | repeated
