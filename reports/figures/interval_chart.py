"""Values with their intervals, one row each: whether 0 is among what is likely."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from markupsafe import Markup

from reports.figures.frame import draw_figure
from reports.figures.svg import draw_text, make_scale

_WIDTH, _LEFT, _RIGHT = 940, 190, 800
_ROW, _TOP, _BELOW = 26, 8, 28


@dataclass(frozen=True)
class Interval:
    """A value with its interval, `low` <= `high`; all finite."""

    name: str
    value: float
    low: float
    high: float


def draw_intervals(
    title: str, description: str, intervals: Sequence[Interval], show: Callable[[float], str]
) -> Markup:
    """Return one line per interval, with a dot at its value, and a line at 0.

    Intervals that lie on one side of 0 are drawn thick. The numbers stand beside them, by `show`.
    """
    if not intervals:
        return draw_figure(title, f"{description} There is no data.", (_WIDTH, 40), "")
    bottom = _TOP + _ROW * len(intervals)
    ends = np.array([0.0, *(end for one in intervals for end in (one.low, one.high, one.value))])
    x = make_scale(ends, _LEFT, _RIGHT)
    content = "".join(
        f'<path class="rule" d="M{at:.1f} {_TOP}V{bottom}"/>'
        + draw_text(at, bottom + 16, name, "middle")
        for name, at in x.ticks(7)
    )
    content += f'<path d="M{x.at(0.0):.1f} {_TOP}V{bottom}" stroke="var(--ink)"/>'
    for number, one in enumerate(intervals):
        y = _TOP + _ROW * (number + 0.5)
        clear = one.low > 0 or one.high < 0
        content += draw_text(_LEFT - 10, y + 4, one.name, "end")
        content += (
            f'<path d="M{x.at(one.low):.1f} {y:.1f}H{x.at(one.high):.1f}" stroke="var(--c1)" '
            f'stroke-width="{5 if clear else 2}"/>'
            f'<circle cx="{x.at(one.value):.1f}" cy="{y:.1f}" r="5" fill="var(--c1)"/>'
        )
        content += draw_text(_RIGHT + 12, y + 4, f"{show(one.low)} to {show(one.high)}")
    return draw_figure(title, description, (_WIDTH, bottom + _BELOW), content)
