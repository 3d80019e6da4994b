"""A symbol with what was bought and sold, the equity that came of it, and its drawdown."""

from dataclasses import dataclass

import numpy as np
from markupsafe import Markup
from numpy.typing import NDArray

from reports.figures.frame import draw_days, draw_figure, draw_grid
from reports.figures.svg import Scale, draw_coarse_curve, draw_text, make_scale
from strategies.base import Floats

_WIDTH, _HEIGHT, _LEFT, _RIGHT = 940, 480, 64, 926
_PRICE, _EQUITY, _DRAWDOWN = (20, 230), (262, 372), (396, 456)
_UP, _DOWN = "l-4 8h8z", "l-4-8h8z"


@dataclass(frozen=True, eq=False)
class Fills:
    """What was bought, or sold.

    Parameters
    ----------
    days
        ``datetime64[D]``, shape (M,).
    prices
        Of the fills, shape (M,).
    """

    days: NDArray[np.datetime64]
    prices: Floats


@dataclass(frozen=True, eq=False)
class TradedCurves:
    """Curves on the same days, shape (T,) each.

    Parameters
    ----------
    days
        ``datetime64[D]``, ascending.
    close
        None where prices are not known.
    equity, drawdown
        Money, and a fraction of the highest so far.
    """

    days: NDArray[np.datetime64]
    close: Floats | None
    equity: Floats
    drawdown: Floats


def draw_trades(
    title: str, description: str, curves: TradedCurves, bought: Fills, sold: Fills
) -> Markup:
    """Return three charts below each other, on the same days."""
    days = _count(curves.days)
    x = Scale(days[0] - 0.5, days[-1] + 0.5, _LEFT, _RIGHT)
    content = draw_days(_DRAWDOWN[1], x.months(9))
    if curves.close is not None:
        content += _draw_price(x, curves.close, days, bought, sold)
    places = x.place(days)
    content += _draw_panel(_EQUITY, "Equity", places, curves.equity, "var(--c1)", 52)
    content += _draw_panel(
        _DRAWDOWN, "Drawdown, %", places, 100.0 * curves.drawdown, "var(--c2)", 32
    )
    return draw_figure(title, description, (_WIDTH, _HEIGHT), content)


def _draw_price(x: Scale, close: Floats, days: Floats, bought: Fills, sold: Fills) -> str:
    bottom, top = _PRICE[1], _PRICE[0]
    y = make_scale(np.concatenate([close, bought.prices, sold.prices]), bottom, top)
    content = draw_grid(_LEFT, _RIGHT, y.ticks(5))
    content += draw_coarse_curve(x.place(days), y.place(close), "var(--soft)", 84)
    for fills, shape, color in ((bought, _UP, "var(--c1)"), (sold, _DOWN, "var(--c2)")):
        if len(fills.days):
            points = np.column_stack([x.place(_count(fills.days)), y.place(fills.prices)])
            marks = "".join(f"M{a} {b}{shape}" for a, b in np.rint(points).astype(int).tolist())
            content += f'<path d="{marks}" fill="{color}"/>'
    content += draw_text(_LEFT, top - 7, "Adjusted close")
    for at, name, mark in (
        (700, "bought", f"M700 {top - 15}{_UP}"),
        (780, "sold", f"M780 {top - 7}{_DOWN}"),
    ):
        color = "var(--c1)" if name == "bought" else "var(--c2)"
        content += f'<path d="{mark}" fill="{color}"/>{draw_text(at + 9, top - 7, name)}'
    return content


def _draw_panel(
    panel: tuple[int, int], name: str, x: Floats, values: Floats, color: str, pieces: int
) -> str:
    top, bottom = panel
    y = make_scale(values, bottom, top)
    content = draw_grid(_LEFT, _RIGHT, y.ticks(3)) + draw_text(_LEFT, top - 6, name)
    return content + draw_coarse_curve(x, y.place(values), color, pieces)


def _count(days: NDArray[np.datetime64]) -> Floats:
    """Return days since 1970."""
    return days.astype("datetime64[D]").astype(np.int64).astype(np.float64)
