"""When one line crosses another or a level: the project's definitions, one boolean per bar.

A comparison with NaN is False, so nothing crosses while an indicator warms up, nor on the first
bar, which has no previous one.
"""

from strategies.base import Bools, Floats


def crosses_above(a: Floats, b: Floats) -> Bools:
    """Return where a[t] > b[t] and a[t-1] <= b[t-1]."""
    return _find_changes(a > b, a <= b)


def crosses_below(a: Floats, b: Floats) -> Bools:
    """Return where a[t] < b[t] and a[t-1] >= b[t-1]."""
    return _find_changes(a < b, a >= b)


def falls_through(values: Floats, level: float) -> Bools:
    """Return where values[t] < level and values[t-1] >= level."""
    return _find_changes(values < level, values >= level)


def rises_through(values: Floats, level: float) -> Bools:
    """Return where values[t] > level and values[t-1] <= level."""
    return _find_changes(values > level, values <= level)


def falls_to(values: Floats, line: Floats) -> Bools:
    """Return where values[t] <= line[t] and values[t-1] > line[t-1]."""
    return _find_changes(values <= line, values > line)


def rises_to(values: Floats, line: Floats) -> Bools:
    """Return where values[t] >= line[t] and values[t-1] < line[t-1]."""
    return _find_changes(values >= line, values < line)


def _find_changes(now: Bools, before: Bools) -> Bools:
    """Return where `now` is true on a bar and `before` on the previous one."""
    import numpy as np

    crossed = np.zeros(len(now), dtype=np.bool_)
    crossed[1:] = now[1:] & before[:-1]
    return crossed
