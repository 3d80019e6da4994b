"""Well-known crises of markets, by which people ask how a curve would have fared."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Crisis:
    """A period of losses, first and last day inclusive."""

    name: str
    start: date
    end: date


CRISES: Sequence[Crisis] = (
    Crisis("Black Monday", date(1987, 10, 14), date(1987, 12, 4)),
    Crisis("Gulf War", date(1990, 7, 16), date(1990, 10, 11)),
    Crisis("Asian crisis", date(1997, 10, 7), date(1997, 10, 27)),
    Crisis("Russia and LTCM", date(1998, 7, 17), date(1998, 10, 8)),
    Crisis("Dot-com crash", date(2000, 3, 24), date(2002, 10, 9)),
    Crisis("11 September", date(2001, 9, 10), date(2001, 9, 21)),
    Crisis("Financial crisis", date(2007, 10, 9), date(2009, 3, 9)),
    Crisis("Flash crash", date(2010, 4, 23), date(2010, 7, 2)),
    Crisis("Downgrade of US debt", date(2011, 7, 22), date(2011, 10, 3)),
    Crisis("Devaluation of the yuan", date(2015, 8, 10), date(2015, 8, 25)),
    Crisis("Volatility shock", date(2018, 1, 26), date(2018, 2, 8)),
    Crisis("Sell-off of late 2018", date(2018, 9, 20), date(2018, 12, 24)),
    Crisis("Covid crash", date(2020, 2, 19), date(2020, 3, 23)),
    Crisis("Inflation and rates", date(2022, 1, 3), date(2022, 10, 12)),
    Crisis("Banks of 2023", date(2023, 3, 6), date(2023, 3, 24)),
    Crisis("Yen carry trade", date(2024, 7, 16), date(2024, 8, 5)),
    Crisis("Tariffs of 2025", date(2025, 4, 2), date(2025, 4, 8)),
)
"""From a high of the S&P 500 to its low, or the days around the event; the oldest first."""


def find_crises(
    dates: NDArray[np.datetime64], crises: Sequence[Crisis] = CRISES
) -> list[tuple[Crisis, slice]]:
    """Return the crises that have a bar, each with its bars.

    Parameters
    ----------
    dates
        ``datetime64[D]``, ascending, shape (T,).
    """
    found = []
    for crisis in crises:
        first = int(dates.searchsorted(np.datetime64(crisis.start, "D")))
        stop = int(dates.searchsorted(np.datetime64(crisis.end, "D"), side="right"))
        if first < stop:
            found.append((crisis, slice(first, stop)))
    return found
