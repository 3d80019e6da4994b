"""What the statistics take: finite curves of several bars, as float64."""

import numpy as np
from numpy.typing import NDArray

from research.errors import InvalidCurvesError
from strategies.base import Floats


def check_curves(returns: NDArray[np.floating], *, bars: int = 2, trials: int = 1) -> Floats:
    """Return curves as float64, shape (N, T).

    Parameters
    ----------
    returns
        Shape (N, T).
    bars, trials
        The least number of each.

    Raises
    ------
    InvalidCurvesError
        When they have another shape, fewer bars or trials, or a value that is not finite.
    """
    if returns.ndim != 2:  # noqa: PLR2004
        raise InvalidCurvesError(f"Curves have shape {returns.shape}; allowed is (trials, bars).")
    count, length = returns.shape
    if count < trials or length < bars:
        raise InvalidCurvesError(
            f"There are {count} curves of {length} bars; at least {trials} of {bars} are needed."
        )
    finite = np.isfinite(returns)
    if not finite.all():
        row, bar = np.argwhere(~finite)[0]
        raise InvalidCurvesError(
            f"Curve {row} is {returns[row, bar]} at bar {bar}; returns are finite numbers."
        )
    return returns.astype(np.float64, copy=False)
