"""The heat map of a sweep as a picture."""

from collections.abc import Sequence

import numpy as np

from reports.figures.svg import GREY, INK, draw_picture, draw_text
from research.heat_map import HeatMap
from strategies.parameters import describe_value

_WIDTH, _HEIGHT = 940, 480
_LEFT, _RIGHT, _TOP, _BOTTOM = 96, 830, 70, 420
_BAR, _BAR_WIDTH, _BAR_STEPS = 856, 16, 40
_WIDEST_CELL, _TALLEST_CELL = 180.0, 70.0
_LEAST_FOR_NUMBER = (34.0, 15.0)
_LEAST_FOR_LABEL = (30.0, 13.0)
_BELOW, _ABOVE = (178, 24, 43), (33, 102, 172)
"""Of the lowest and the highest value; 0 is white. They differ for the colour-blind as well."""
_DARK = 0.6


def render_heat_map(heat_map: HeatMap, caption: Sequence[str]) -> bytes:
    """Return an SVG of a heat map, lines of text above it."""
    finite = heat_map.cells[np.isfinite(heat_map.cells)]
    reach = float(np.abs(finite).max()) if len(finite) else 1.0
    reach = reach or 1.0
    wide = min((_RIGHT - _LEFT) / len(heat_map.columns), _WIDEST_CELL)
    tall = min((_BOTTOM - _TOP) / len(heat_map.rows), _TALLEST_CELL)
    cells = "".join(
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
    # What all cells have in common is said once: a run keeps a picture of each strategy.
    drawn = f'<g stroke="white" stroke-width=".6">{cells}</g>'
    drawn += _draw_numbers(heat_map, wide, tall, reach)
    drawn += _draw_axes(heat_map, wide, tall) + _draw_scale(reach)
    return draw_picture(_WIDTH, _HEIGHT, caption, drawn).encode()


def _draw_cell(
    left: float, top: float, size: tuple[float, float], value: float, reach: float
) -> str:
    known = not np.isnan(value)
    fill = f'"{_color(value / reach)}"' if known else f'"none" stroke="{GREY}"'
    place = f'x="{left:.1f}" y="{top:.1f}" width="{size[0]:.1f}" height="{size[1]:.1f}"'
    return f"<rect {place} fill={fill}/>"


def _draw_numbers(heat_map: HeatMap, wide: float, tall: float, reach: float) -> str:
    if wide < _LEAST_FOR_NUMBER[0] or tall < _LEAST_FOR_NUMBER[1]:
        return ""
    rows, drawn = len(heat_map.rows), ""
    for row, column in np.argwhere(~np.isnan(heat_map.cells)).tolist():
        value = float(heat_map.cells[row, column])
        x, y = _LEFT + wide * (column + 0.5), _TOP + tall * (rows - 0.5 - row) + 4
        ink = ' fill="white"' if abs(value) > _DARK * reach else ""
        drawn += f'<text x="{x:.1f}" y="{y:.1f}"{ink}>{value:.2f}</text>'
    return f'<g text-anchor="middle">{drawn}</g>'


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
        told = describe_value(value)
        drawn += draw_text(_LEFT + wide * (place + 0.5), bottom + 18, told, "middle")
    middle = _LEFT + wide * len(heat_map.columns) / 2
    drawn += draw_text(middle, bottom + 40, heat_map.column, "middle", font_weight="bold")
    if not heat_map.row:
        return drawn
    every = int(np.ceil(_LEAST_FOR_LABEL[1] / tall))
    for place, value in list(enumerate(heat_map.rows))[::every]:
        height = _TOP + tall * (rows - 0.5 - place) + 4
        drawn += draw_text(_LEFT - 8, height, describe_value(value), "end")
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
