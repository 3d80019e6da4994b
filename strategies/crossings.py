"""When one line crosses another or a level: the project's definitions, one boolean per bar.

Lines are compared as `strategies.comparisons` does: lines that differ by rounding only are equal. A
comparison with NaN is False, so nothing crosses while an indicator warms up, nor on the first bar,
which has no previous one.
"""

from strategies.base import Bools, Floats
from strategies.comparisons import measure

Line = Floats | float
Size = Floats | float | None
"""What the tolerance is relative to, as in `strategies.comparisons.is_above`."""


def crosses_above(a: Floats, b: Line, size: Size = None) -> Bools:
    """Return where a[t] > b[t] and a[t-1] <= b[t-1]."""
    difference, tolerance = measure(a, b, size)
    return _find_changes(difference > tolerance, difference <= tolerance)


def crosses_below(a: Floats, b: Line, size: Size = None) -> Bools:
    """Return where a[t] < b[t] and a[t-1] >= b[t-1]."""
    difference, tolerance = measure(a, b, size)
    return _find_changes(difference < -tolerance, difference >= -tolerance)


def crossings(a: Floats, b: Line, size: Size = None) -> tuple[Bools, Bools]:
    """Return `crosses_above` and `crosses_below`, in two thirds of the time of both."""
    difference, tolerance = measure(a, b, size)
    above = _find_changes(difference > tolerance, difference <= tolerance)
    tolerance = -tolerance
    return above, _find_changes(difference < tolerance, difference >= tolerance)


def falls_to(values: Floats, line: Line, size: Size = None) -> Bools:
    """Return where values[t] <= line[t] and values[t-1] > line[t-1]."""
    difference, tolerance = measure(values, line, size)
    return _find_changes(difference <= tolerance, difference > tolerance)


def rises_to(values: Floats, line: Line, size: Size = None) -> Bools:
    """Return where values[t] >= line[t] and values[t-1] < line[t-1]."""
    difference, tolerance = measure(values, line, size)
    return _find_changes(difference >= -tolerance, difference < -tolerance)


def _find_changes(now: Bools, before: Bools) -> Bools:
    """Return where `now` is true on a bar and `before` on the previous one."""
    import numpy as np

    crossed = np.zeros(len(now), dtype=np.bool_)
    np.logical_and(now[1:], before[:-1], out=crossed[1:])
    return crossed
