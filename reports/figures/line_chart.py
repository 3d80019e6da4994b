"""Curves over days: equity, drawdown, rolling numbers."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from markupsafe import Markup
from numpy.typing import NDArray

from reports.figures.coarse_curve import PlacedCurve, draw_coarse_curves
from reports.figures.frame import draw_days, draw_figure, draw_grid
from reports.figures.svg import Scale, draw_curve, draw_text, make_scale
from strategies.base import Floats

_WIDTH, _LEFT, _RIGHT, _TOP, _BELOW = 940, 64, 780, 10, 24
_LABEL_HEIGHT = 14
COLORS = ("var(--c1)", "var(--c2)", "var(--c3)", "var(--c4)", "var(--c5)", "var(--c6)")
"""In the order in which curves get them; each curve also has its name beside its end."""


@dataclass(frozen=True, eq=False)
class Curve:
    """A named curve.

    Parameters
    ----------
    days
        ``datetime64[D]``, ascending, shape (T,).
    values
        NaN where there is none, shape (T,).
    color
        One of `COLORS`, ``var(--ink)`` or ``var(--soft)``; "" for the next one.
    """

    name: str
    days: NDArray[np.datetime64]
    values: Floats
    color: str = ""


def draw_lines(
    title: str,
    description: str,
    curves: Sequence[Curve],
    *,
    show: Callable[[float], str] | None = None,
    logarithmic: bool = False,
    level: float | None = None,
    band: tuple[Curve, Curve] | None = None,
    height: int = 320,
    pieces: int = 0,
) -> Markup:
    """Return curves over the same days, each with its name beside its last value.

    Parameters
    ----------
    title, description
        As `reports.figures.frame.draw_figure` takes them.
    show
        From a value of the axis to its text; None for the number itself.
    logarithmic
        Whether equal ratios are equally far apart, which the title says then. Not where a value is
        0 or less: an account that is short can lose more than it has.
    level
        A value with a line of its own: 0, or 1 for what was invested.
    band
        Two curves with finite values on the same days; the area between them is shaded.
    pieces
        Of how many only the extremes are kept, to save bytes; 0 for every point.
    """
    known = [one for one in curves if np.isfinite(one.values).any()]
    if not known:
        return draw_figure(title, f"{description} There is no data.", (_WIDTH, 40), "")
    bottom = height - _BELOW
    every = np.concatenate([one.values[np.isfinite(one.values)] for one in (*known, *(band or ()))])
    extremes = np.append(every, every[:0] if level is None else level)
    logarithmic = logarithmic and bool((extremes > 0).all())
    transform = np.log if logarithmic else np.asarray
    y = make_scale(transform(extremes), bottom, _TOP)
    x = _make_days(known)
    content = draw_grid(_LEFT, _RIGHT, _list_ticks(y, show, logarithmic=logarithmic))
    content += draw_days(bottom, x.months(9))
    if level is not None:
        at = y.at(float(transform(level)))
        content += f'<path d="M{_LEFT} {at:.1f}H{_RIGHT}" stroke="var(--soft)" fill="none"/>'
    if band is not None:
        content += _draw_band(band, x, y, transform)
    placed = []
    for number, one in enumerate(known):
        color = one.color or COLORS[number % len(COLORS)]
        finite = np.isfinite(one.values)
        at = x.place(_count_days(one.days[finite]))
        placed.append(PlacedCurve(at, y.place(transform(one.values[finite])), color, pieces))
    drawn = (
        draw_coarse_curves(placed)
        if pieces
        else [draw_curve(one.x, one.y, one.color, 1.6) for one in placed]
    )
    content += "".join(drawn)
    named = [(float(at.y[-1]), one.name, at.color) for one, at in zip(known, placed, strict=True)]
    content += _draw_names(named, bottom)
    said = f"{title}, logarithmic" if logarithmic else title
    return draw_figure(said, description, (_WIDTH, height), content)


def _draw_band(
    band: tuple[Curve, Curve], x: Scale, y: Scale, transform: Callable[[Floats], Floats]
) -> str:
    low, high = (
        np.column_stack([x.place(_count_days(one.days)), y.place(transform(one.values))])
        for one in band
    )
    points = " ".join(f"{right:.0f} {down:.1f}" for right, down in [*low, *high[::-1]])
    return f'<path class="band" d="M{points}z"/>'


def _make_days(curves: Sequence[Curve]) -> Scale:
    days = np.concatenate([_count_days(one.days[[0, -1]]) for one in curves])
    return Scale(float(days.min()) - 0.5, float(days.max()) + 0.5, _LEFT, _RIGHT)


def _count_days(days: NDArray[np.datetime64]) -> Floats:
    """Return days since 1970."""
    return days.astype("datetime64[D]").astype(np.int64).astype(np.float64)


def _list_ticks(
    y: Scale, show: Callable[[float], str] | None, *, logarithmic: bool
) -> list[tuple[str, float]]:
    if not logarithmic:
        return y.ticks(6) if show is None else [(show(value), at) for value, at in y.values(6)]
    # Round values of the numbers themselves: their logarithms are round nowhere.
    low, high = np.exp(y.low), np.exp(y.high)
    inner = Scale(float(low), float(high), 0.0, 1.0).values(6)
    named = show or (lambda value: f"{value:g}")
    return [(named(value), y.at(float(np.log(value)))) for value, _ in inner if value > 0]


def _draw_names(ends: Sequence[tuple[float, str, str]], bottom: float) -> str:
    """Return the names of curves beside their ends, moved down where they would overlap."""
    text, lowest = "", float("-inf")
    ordered = sorted(ends)
    room = bottom - _LABEL_HEIGHT * (len(ordered) - 1)
    for number, (at, name, color) in enumerate(ordered):
        place = max(min(at, room + _LABEL_HEIGHT * number), lowest + _LABEL_HEIGHT)
        lowest = place
        text += f'<path d="M{_RIGHT + 4} {place:.1f}h14" stroke="{color}" stroke-width="3"/>'
        text += draw_text(_RIGHT + 22, place + 4, name)
    return text
