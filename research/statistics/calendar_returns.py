"""What a curve earned in each month and year."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from strategies.base import Floats

_MONTHS = 12


@dataclass(frozen=True)
class YearReturns:
    """The returns of a calendar year, fractions.

    Parameters
    ----------
    months
        From January to December; NaN for those without a bar.
    total
        Of the year's bars.
    """

    months: tuple[float, ...]
    total: float


def compute_calendar_returns(
    returns: Floats, dates: NDArray[np.datetime64]
) -> Mapping[int, YearReturns]:
    """Return the returns by year, oldest first; a return counts where its bar ends.

    Parameters
    ----------
    returns, dates
        Shape (T,).
    """
    month = dates.astype("datetime64[M]").astype(np.int64)
    firsts = np.flatnonzero(np.diff(month, prepend=-(10**9)))
    growth = np.multiply.reduceat(1.0 + returns, firsts) if len(firsts) else np.empty(0)
    by_year: dict[int, list[float]] = {}
    for one, factor in zip(month[firsts].tolist(), growth.tolist(), strict=True):
        year, place = divmod(one, _MONTHS)
        by_year.setdefault(1970 + year, [np.nan] * _MONTHS)[place] = factor - 1.0
    return {
        year: YearReturns(tuple(months), float(np.nanprod(1.0 + np.array(months))) - 1.0)
        for year, months in by_year.items()
    }
