"""When one line crosses another or a level: the project's exact definitions, as booleans a bar.

A comparison with NaN is False, so nothing crosses while an indicator warms up, nor on the
first bar, which has no bar before it.
"""

from strategies.base import Bools, Floats


def crosses_above(a: Floats, b: Floats) -> Bools:
    """Return where a[t] > b[t] and a[t-1] <= b[t-1]."""
    return _both(a > b, a <= b)


def crosses_below(a: Floats, b: Floats) -> Bools:
    """Return where a[t] < b[t] and a[t-1] >= b[t-1]."""
    return _both(a < b, a >= b)


def falls_through(values: Floats, level: float) -> Bools:
    """Return where values[t] < level and values[t-1] >= level."""
    return _both(values < level, values >= level)


def rises_through(values: Floats, level: float) -> Bools:
    """Return where values[t] > level and values[t-1] <= level."""
    return _both(values > level, values <= level)


def falls_to(values: Floats, line: Floats) -> Bools:
    """Return where values[t] <= line[t] and values[t-1] > line[t-1]."""
    return _both(values <= line, values > line)


def rises_to(values: Floats, line: Floats) -> Bools:
    """Return where values[t] >= line[t] and values[t-1] < line[t-1]."""
    return _both(values >= line, values < line)


def _both(now: Bools, before: Bools) -> Bools:
    """Return where `now` holds on a bar and `before` held on the bar before it."""
    import numpy as np

    crossed = np.zeros(len(now), dtype=np.bool_)
    crossed[1:] = now[1:] & before[:-1]
    return crossed
