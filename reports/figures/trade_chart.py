"""A symbol with what was bought and sold, the equity that came of it, and its drawdown.

The charts of all strategies on a symbol are drawn at once: they have days, prices and axes in
common, and thinning their curves together takes a third of the time.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from markupsafe import Markup
from numpy.typing import NDArray

from reports.figures.coarse_curve import PlacedCurve, draw_coarse_curves
from reports.figures.frame import draw_days, draw_figure, draw_grid
from reports.figures.svg import Scale, draw_text, make_scale
from strategies.base import Floats

_WIDTH, _HEIGHT, _LEFT, _RIGHT = 940, 480, 64, 926
_PRICE = (20, 230)
_UP, _DOWN = "l4 8h-8", "l4-8h-8"
_BOUGHT, _SOLD = "var(--c1)", "var(--c2)"
_PRICE_PIECES = 48


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
class TradeChart:
    """What differs from chart to chart.

    Parameters
    ----------
    title, description
        As `reports.figures.frame.draw_figure` takes them.
    equity, drawdown
        Money, and a fraction of the highest so far; shape (T,).
    """

    title: str
    description: str
    equity: Floats
    drawdown: Floats
    bought: Fills
    sold: Fills


@dataclass(frozen=True)
class _Panel:
    """A chart of one curve: its place, name and color, and of how many pieces it is drawn."""

    top: int
    bottom: int
    name: str
    color: str
    pieces: int


_EQUITY = _Panel(262, 372, "Equity", "var(--c1)", 30)
_DRAWDOWN = _Panel(396, 456, "Drawdown, %", "var(--c2)", 18)


def draw_trades(
    days: NDArray[np.datetime64], close: Floats | None, charts: Sequence[TradeChart]
) -> list[Markup]:
    """Return three charts below each other, on the same days, of each strategy on a symbol.

    Parameters
    ----------
    days
        ``datetime64[D]``, ascending, shape (T,).
    close
        Shape (T,); None where prices are not known.
    """
    counted = _count(days)
    x = Scale(counted[0] - 0.5, counted[-1] + 0.5, _LEFT, _RIGHT)
    axis, places = draw_days(_DRAWDOWN.bottom, x.months(9)), x.place(counted)
    prices = [""] * len(charts) if close is None else _draw_prices(x, places, close, charts)
    equity = _draw_panels(_EQUITY, places, [one.equity for one in charts])
    drawdown = _draw_panels(_DRAWDOWN, places, [100.0 * one.drawdown for one in charts])
    return [
        draw_figure(one.title, one.description, (_WIDTH, _HEIGHT), f"{axis}{''.join(panels)}")
        for one, *panels in zip(charts, prices, equity, drawdown, strict=True)
    ]


def _draw_prices(
    x: Scale, places: Floats, close: Floats, charts: Sequence[TradeChart]
) -> list[str]:
    """Return the panel of prices of each chart; the axis is the same unless fills are beyond it."""
    usual = make_scale(close, _PRICE[1], _PRICE[0])
    common = _draw_price(usual, places, close)
    panels = []
    for one in charts:
        fills = np.concatenate([one.bought.prices, one.sold.prices])
        y, drawn = usual, common
        if len(fills) and not usual.low <= fills.min() <= fills.max() <= usual.high:
            y = make_scale(np.concatenate([close, fills]), _PRICE[1], _PRICE[0])
            drawn = _draw_price(y, places, close)
        panels.append("".join([drawn, *_draw_marks(x, y, one)]))
    return panels


def _draw_price(y: Scale, places: Floats, close: Floats) -> str:
    """Return the price with its axis, and the legend of the fills."""
    top = _PRICE[0]
    content = draw_grid(_LEFT, _RIGHT, y.ticks(4))
    content += draw_coarse_curves(
        [PlacedCurve(places, y.place(close), "var(--soft)", _PRICE_PIECES)]
    )[0]
    content += draw_text(_LEFT, top - 7, "Adjusted close")
    for at, name, mark, color in (
        (700, "bought", f"M700 {top - 15}{_UP}", _BOUGHT),
        (780, "sold", f"M780 {top - 7}{_DOWN}", _SOLD),
    ):
        content += f'<path d="{mark}" fill="{color}"/>{draw_text(at + 9, top - 7, name)}'
    return content


def _draw_marks(x: Scale, y: Scale, chart: TradeChart) -> Iterator[str]:
    for fills, shape, color in ((chart.bought, _UP, _BOUGHT), (chart.sold, _DOWN, _SOLD)):
        if len(fills.days):
            points = np.column_stack([x.place(_count(fills.days)), y.place(fills.prices)])
            marks = "".join(f"M{a} {b}{shape}" for a, b in np.rint(points).astype(int).tolist())
            yield f'<path d="{marks}" fill="{color}"/>'


def _draw_panels(panel: _Panel, places: Floats, curves: Sequence[Floats]) -> list[str]:
    """Return one panel per curve, each with an axis of its own."""
    scales = [make_scale(values, panel.bottom, panel.top) for values in curves]
    placed = [
        PlacedCurve(places, y.place(values), panel.color, panel.pieces)
        for y, values in zip(scales, curves, strict=True)
    ]
    name = draw_text(_LEFT, panel.top - 6, panel.name)
    return [
        f"{draw_grid(_LEFT, _RIGHT, y.ticks(3))}{name}{line}"
        for y, line in zip(scales, draw_coarse_curves(placed), strict=True)
    ]


def _count(days: NDArray[np.datetime64]) -> Floats:
    """Return days since 1970."""
    return days.astype("datetime64[D]").astype(np.int64).astype(np.float64)
