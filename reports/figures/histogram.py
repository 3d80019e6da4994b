"""How values are distributed: a bar per range, with its count."""

import math
from collections.abc import Callable

import numpy as np
from markupsafe import Markup

from reports.figures.frame import draw_figure
from reports.figures.svg import Scale, draw_text
from strategies.base import Floats

_WIDTH, _HEIGHT, _LEFT, _RIGHT, _TOP, _BOTTOM = 940, 220, 30, 910, 22, 190
_ABOUT = 16


def draw_histogram(
    title: str, description: str, values: Floats, *, show: Callable[[float], str]
) -> Markup:
    """Return the histogram of finite values, over ranges of round width.

    Parameters
    ----------
    show
        From the end of a range to its text.
    """
    known = values[np.isfinite(values)]
    if not len(known):
        return draw_figure(title, f"{description} There is no data.", (_WIDTH, 40), "")
    edges = find_edges(known)
    counts = np.histogram(known, edges)[0]
    x = Scale(float(edges[0]), float(edges[-1]), _LEFT, _RIGHT)
    y = Scale(0.0, float(counts.max()), _BOTTOM, _TOP)
    content = ""
    for count, low, high in zip(counts.tolist(), edges[:-1], edges[1:], strict=True):
        left, wide, top = x.at(low), x.at(high) - x.at(low) - 2, y.at(count)
        color = "var(--c2)" if high <= 0.0 else "var(--c1)"
        content += (
            f'<rect x="{left:.1f}" y="{top:.1f}" width="{wide:.1f}" '
            f'height="{_BOTTOM - top:.1f}" fill="{color}"/>'
        )
        if count:
            content += draw_text(left + wide / 2, top - 4, str(count), "middle")
    every = math.ceil(len(edges) / 12)
    content += "".join(
        draw_text(x.at(one), _BOTTOM + 18, show(one), "middle") for one in edges[::every]
    )
    return draw_figure(title, description, (_WIDTH, _HEIGHT), content)


def find_edges(values: Floats) -> Floats:
    """Return the ends of ranges of the same round width which hold all values, 0 among them."""
    low, high = min(float(values.min()), 0.0), max(float(values.max()), 0.0)
    if low == high:
        return np.array([-1.0, 0.0, 1.0])
    step = Scale(low, high, 0.0, 1.0).step(_ABOUT)
    return np.arange(math.floor(low / step), math.ceil(high / step) + 1, dtype=np.float64) * step
