"""Pairs of bars beside each other: what was expected, and what came of it."""

from collections.abc import Sequence

import numpy as np
from markupsafe import Markup

from reports.figures.frame import draw_figure, draw_grid
from reports.figures.svg import draw_text, make_scale
from strategies.base import Floats

_WIDTH, _HEIGHT, _LEFT, _RIGHT, _TOP, _BOTTOM = 940, 240, 64, 780, 10, 210
_SHARE, _FEW = 0.38, 12


def draw_pairs(
    title: str,
    description: str,
    names: Sequence[str],
    series: tuple[tuple[str, Floats], tuple[str, Floats]],
) -> Markup:
    """Return two bars per name; undefined values have none.

    Parameters
    ----------
    series
        Names and values of both, shape (N,).
    """
    every = np.concatenate([values for _, values in series])
    known = every[np.isfinite(every)]
    if not len(known):
        return draw_figure(title, f"{description} There is no data.", (_WIDTH, 40), "")
    y = make_scale(np.append(known, 0.0), _BOTTOM, _TOP)
    zero, wide = y.at(0.0), (_RIGHT - _LEFT) / len(names)
    content = draw_grid(_LEFT, _RIGHT, y.ticks(6))
    for number, (name, values) in enumerate(series):
        color = f"var(--c{number + 1})"
        for place, value in enumerate(values.tolist()):
            if np.isfinite(value):
                left = _LEFT + wide * (place + 0.1) + number * wide * _SHARE
                top = min(y.at(value), zero)
                content += (
                    f'<rect x="{left:.1f}" y="{top:.1f}" width="{wide * _SHARE:.1f}" '
                    f'height="{abs(y.at(value) - zero):.1f}" fill="{color}"/>'
                )
        at = _TOP + 18 + 18 * number
        content += f'<rect x="{_RIGHT + 6}" y="{at - 10}" width="12" height="12" fill="{color}"/>'
        content += draw_text(_RIGHT + 24, at, name)
    content += f'<path d="M{_LEFT} {zero:.1f}H{_RIGHT}" stroke="var(--ink)" fill="none"/>'
    step = -(-len(names) // _FEW)
    content += "".join(
        draw_text(_LEFT + wide * (place + 0.5), _BOTTOM + 18, name, "middle")
        for place, name in list(enumerate(names))[::step]
    )
    return draw_figure(title, description, (_WIDTH, _HEIGHT), content)
