"""Bars side by side, one per run: how a number developed."""

from collections.abc import Callable, Sequence

import numpy as np
from markupsafe import Markup, escape

from reports.figures.frame import draw_figure, draw_grid
from reports.figures.svg import Scale, draw_text

_WIDTH, _LEFT, _RIGHT, _TOP, _BELOW = 940, 84, 930, 10, 24
_FILLED = 0.7
_WIDEST = 60.0


def draw_bars(
    title: str,
    description: str,
    bars: Sequence[tuple[str, float]],
    show: Callable[[float], str],
    height: int = 180,
) -> Markup:
    """Return one bar per name and value from left to right; values are 0 or more.

    The first and the last are named; the others say name and value where the pointer rests on them.
    """
    if not bars:
        return draw_figure(title, f"{description} There is no data.", (_WIDTH, 40), "")
    bottom = height - _BELOW
    most = max(float(np.max([value for _, value in bars])), 1e-9)
    y = Scale(0.0, 1.05 * most, bottom, _TOP)
    ticks = [(show(value), at) for value, at in y.values(4)]
    content = draw_grid(_LEFT, _RIGHT, ticks)
    step = min((_RIGHT - _LEFT) / len(bars), _WIDEST)
    for number, (name, value) in enumerate(bars):
        said = f"{name}: {show(value)}"
        x = _LEFT + step * (number + (1 - _FILLED) / 2)
        content += _draw_bar(x, step * _FILLED, (y.at(value), bottom), said)
    named = dict.fromkeys([0, len(bars) - 1])
    for number, anchor in zip(named, ("start", "middle"), strict=False):
        x = _LEFT + step * (number if anchor == "start" else number + 0.5)
        content += draw_text(x, bottom + 16, bars[number][0], anchor)
    return draw_figure(title, description, (_WIDTH, height), content)


def _draw_bar(x: float, width: float, ends: tuple[float, float], said: str) -> str:
    top, bottom = ends
    return (
        f'<rect x="{x:.1f}" y="{top:.1f}" width="{width:.1f}" height="{bottom - top:.1f}" '
        f'fill="var(--c1)"><title>{escape(said)}</title></rect>'
    )
