"""The heat map of a sweep: two parameters and what the points made of them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from reports.figures.svg import GREY, INK, draw_picture, draw_text

Floats = NDArray[np.float64]

_WIDTH, _HEIGHT = 940, 480
_LEFT, _RIGHT, _TOP, _BOTTOM = 96, 830, 70, 420
_BAR, _BAR_WIDTH, _BAR_STEPS = 856, 16, 40
_WIDEST_CELL, _TALLEST_CELL = 180.0, 70.0
_LEAST_FOR_NUMBER = (34.0, 15.0)
_LEAST_FOR_LABEL = (30.0, 13.0)
_BELOW, _ABOVE = (178, 24, 43), (33, 102, 172)
"""Of the lowest and the highest value; 0 is white. They differ for the colour-blind as well."""
_DARK = 0.6


@dataclass(frozen=True, eq=False)
class HeatMap:
    """Values by two parameters.

    Parameters
    ----------
    column, row
        Names of the parameters; the row's is "" where there is only one.
    columns, rows
        Their values, ascending.
    cells
        Shape (rows, columns); NaN where nothing was tried, or is defined.
    others
        The other parameters, and the values that they have in all cells.
    averaged
        Whether cells are means over all values of the other parameters instead.
    marked
        Row and column of the plateau's centre.
    """

    column: str
    row: str
    columns: Sequence[float]
    rows: Sequence[float]
    cells: Floats
    others: Mapping[str, float]
    averaged: bool
    marked: tuple[int, int]

    @classmethod
    def of(
        cls,
        points: Sequence[Mapping[str, float]],
        values: Floats,
        centre: Mapping[str, float],
        *,
        averaged: bool = False,
    ) -> "HeatMap | None":
        """Return the map of the two parameters with most effect; None without any that varies.

        The effect of a parameter is the variance of the means over points that share its value.

        Parameters
        ----------
        points
            Parameters of each.
        values
            What they came to, NaN where undefined, shape (N,).
        centre
            The point whose values the other parameters have.
        averaged
            Whether cells are means over the other parameters: for points that were drawn.
        """
        effects = {name: _measure_effect([one[name] for one in points], values) for name in centre}
        varying = [name for name in centre if len({one[name] for one in points}) > 1]
        varying.sort(key=lambda name: -effects[name])
        if not varying:
            return None
        column, row = varying[0], (varying[1] if len(varying) > 1 else "")
        others = {name: centre[name] for name in centre if name not in (column, row)}
        columns = sorted({one[column] for one in points})
        rows = sorted({one.get(row, 0.0) for one in points})
        taken: dict[tuple[int, int], list[float]] = {}
        for one, value in zip(points, values.tolist(), strict=True):
            if averaged or all(one[name] == kept for name, kept in others.items()):
                place = rows.index(one.get(row, 0.0)), columns.index(one[column])
                taken.setdefault(place, []).append(value)
        cells = np.full((len(rows), len(columns)), np.nan)
        for place, some in taken.items():
            known = [value for value in some if not np.isnan(value)]
            cells[place] = np.mean(known) if known else np.nan
        marked = rows.index(centre.get(row, 0.0)), columns.index(centre[column])
        return cls(column, row, columns, rows, cells, others, averaged and bool(others), marked)

    def describe_others(self) -> str:
        """Return one line on the parameters that are not on an axis."""
        framed = "framed: the centre of the plateau"
        if self.averaged:
            return f"mean over the points tried, whatever {', '.join(self.others)}; {framed}"
        told = ", ".join(f"{name} {value:g}" for name, value in self.others.items())
        return f"at {told}; {framed}" if told else framed

    def table(self) -> pl.DataFrame:
        """Return the cells as a table, the row's values in its first column."""
        corner = f"{self.row} \\ {self.column}" if self.row else self.column
        named = {f"{value:g}": self.cells[:, place] for place, value in enumerate(self.columns)}
        labels = [f"{value:g}" for value in self.rows] if self.row else ["residual Sharpe ratio"]
        return pl.DataFrame({corner: labels, **named}, nan_to_null=True)


def render_heat_map(heat_map: HeatMap, caption: Sequence[str]) -> bytes:
    """Return an SVG of a heat map, lines of text above it."""
    finite = heat_map.cells[np.isfinite(heat_map.cells)]
    reach = float(np.abs(finite).max()) if len(finite) else 1.0
    reach = reach or 1.0
    wide = min((_RIGHT - _LEFT) / len(heat_map.columns), _WIDEST_CELL)
    tall = min((_BOTTOM - _TOP) / len(heat_map.rows), _TALLEST_CELL)
    drawn = "".join(
        _draw_cell(
            _LEFT + wide * column,
            _TOP + tall * (len(heat_map.rows) - 1 - row),
            (wide, tall),
            float(heat_map.cells[row, column]),
            reach,
        )
        for row in range(len(heat_map.rows))
        for column in range(len(heat_map.columns))
    )
    drawn += _draw_axes(heat_map, wide, tall) + _draw_scale(reach)
    return draw_picture(_WIDTH, _HEIGHT, caption, drawn).encode()


def _draw_cell(
    left: float, top: float, size: tuple[float, float], value: float, reach: float
) -> str:
    wide, tall = size
    known = not np.isnan(value)
    fill = _color(value / reach) if known else "none"
    cell = (
        f'<rect x="{left:.1f}" y="{top:.1f}" width="{wide:.1f}" height="{tall:.1f}" '
        f'fill="{fill}" stroke="{"white" if known else GREY}" stroke-width="0.6"/>'
    )
    if not known or wide < _LEAST_FOR_NUMBER[0] or tall < _LEAST_FOR_NUMBER[1]:
        return cell
    ink = "white" if abs(value) > _DARK * reach else INK
    number = draw_text(left + wide / 2, top + tall / 2 + 4, f"{value:.2f}", "middle", fill=ink)
    return cell + number


def _draw_axes(heat_map: HeatMap, wide: float, tall: float) -> str:
    row, column = heat_map.marked
    rows, bottom = len(heat_map.rows), _TOP + tall * len(heat_map.rows)
    top = _TOP + tall * (rows - 1 - row)
    drawn = (
        f'<rect x="{_LEFT + wide * column:.1f}" y="{top:.1f}" width="{wide:.1f}" '
        f'height="{tall:.1f}" fill="none" stroke="{INK}" stroke-width="2.5"/>'
    )
    every = int(np.ceil(_LEAST_FOR_LABEL[0] / wide))
    for place, value in list(enumerate(heat_map.columns))[::every]:
        drawn += draw_text(_LEFT + wide * (place + 0.5), bottom + 18, f"{value:g}", "middle")
    middle = _LEFT + wide * len(heat_map.columns) / 2
    drawn += draw_text(middle, bottom + 40, heat_map.column, "middle", font_weight="bold")
    if not heat_map.row:
        return drawn
    every = int(np.ceil(_LEAST_FOR_LABEL[1] / tall))
    for place, value in list(enumerate(heat_map.rows))[::every]:
        height = _TOP + tall * (rows - 0.5 - place) + 4
        drawn += draw_text(_LEFT - 8, height, f"{value:g}", "end")
    x, y = 22, _TOP + tall * rows / 2
    name = draw_text(x, y, heat_map.row, "middle", font_weight="bold")
    return f'{drawn}<g transform="rotate(-90 {x} {y:.1f})">{name}</g>'


def _draw_scale(reach: float) -> str:
    step = (_BOTTOM - _TOP) / _BAR_STEPS
    drawn = "".join(
        f'<rect x="{_BAR}" y="{_TOP + step * place:.2f}" width="{_BAR_WIDTH}" '
        f'height="{step + 0.5:.2f}" fill="{_color(1.0 - 2.0 * (place + 0.5) / _BAR_STEPS)}"/>'
        for place in range(_BAR_STEPS)
    )
    for share in (1.0, 0.5, 0.0, -0.5, -1.0):
        height = _TOP + (1.0 - share) / 2 * (_BOTTOM - _TOP) + 4
        drawn += draw_text(_BAR + _BAR_WIDTH + 6, height, f"{share * reach:.2f}")
    return drawn


def _color(share: float) -> str:
    """Return the colour of a value as a share of the farthest from 0, from -1 to 1."""
    end, depth = (_ABOVE if share > 0 else _BELOW), min(abs(share), 1.0)
    parts = (round(255 + (one - 255) * depth) for one in end)
    return "#" + "".join(f"{one:02x}" for one in parts)


def _measure_effect(parameter: Sequence[Any], values: Floats) -> float:
    known = ~np.isnan(values)
    if not known.any():
        return 0.0
    settings = np.array(parameter, dtype=np.float64)[known]
    means = [values[known][settings == one].mean() for one in np.unique(settings)]
    return float(np.var(means))
