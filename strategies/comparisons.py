"""How numbers are compared: the one place that decides what is above, below or equal.

Every rule of a strategy is a comparison, and rounding must not decide it. Two averages of one flat
price differ in their last bits, and 105 / 100 - 1 is above 0.05. So numbers that differ by no more
than `TOLERANCE` of their size are equal. The smallest difference that a price in ticks can make is
far larger: a tick of 0.01 in an average of 100 bars of a stock at 600,000 is 2e-10 of it.

Arrays have one value per bar; a comparison with NaN is False.
"""

from strategies.base import Bools, Floats

TOLERANCE = 1e-12
"""The largest relative difference of equal numbers; rounding makes some 1e-15 of it."""


def is_above(a: Floats, b: Floats | float, size: Floats | float | None = None) -> Bools:
    """Return where a > b.

    Parameters
    ----------
    size
        What the tolerance is relative to; by default the larger of the two. A difference of prices
        (MACD) has the rounding errors of the prices, and needs their size.
    """
    difference, tolerance = measure(a, b, size)
    return difference > tolerance


def is_below(a: Floats, b: Floats | float, size: Floats | float | None = None) -> Bools:
    """Return where a < b; `size` as in `is_above`."""
    difference, tolerance = measure(a, b, size)
    return difference < -tolerance


def measure(
    a: Floats, b: Floats | float, size: Floats | float | None
) -> tuple[Floats, Floats | float]:
    """Return a - b, and up to which difference the two are equal; `size` as in `is_above`."""
    import numpy as np

    if size is not None:
        return a - b, TOLERANCE * size
    tolerance = np.abs(a)
    np.maximum(tolerance, np.abs(b), out=tolerance)
    tolerance *= TOLERANCE
    return a - b, tolerance
