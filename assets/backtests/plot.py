"""The picture of one backtest: equity beside buying and holding, and its newest trades."""

from collections.abc import Mapping, Sequence
from datetime import date
from textwrap import wrap
from typing import Any

import numpy as np

from assets.backtests.evidence import BacktestEvidence
from reports.figures.svg import (
    GREY,
    INK,
    RULE,
    Scale,
    draw_curve,
    draw_picture,
    draw_text,
    make_scale,
)
from strategies.base import Floats

GAIN, LOSS = "#0b6e99", "#d1495b"
"""They differ for the colour-blind as well: one is dark, the other light."""

# What the Partitions tab of the Dagster UI shows in a window of 1280.
_WIDTH, _HEIGHT, _LINE = 580, 230, 17
_LEFT, _RIGHT = 44, 570
_LETTERS = 72
_STRIP, _ROW = 10, 17
_MOST_TRADES = 12
_COLUMNS = (
    ("no.", 26, "end"), ("side", 34, "start"), ("entry", 66, "start"), ("price", 204, "end"),
    ("exit", 218, "start"), ("price", 356, "end"), ("gain", 416, "end"), ("return", 474, "end"),
    ("why it ended", 488, "start"),
)  # fmt: skip


def render_backtest(shown: BacktestEvidence) -> bytes:
    """Return an SVG as wide as the Dagster UI shows one of a partition; sharp at any scale."""
    caption = [part for line in shown.caption() for part in wrap(line, _LETTERS)]
    top = 19 + _LINE * (len(caption) + 2)
    every = shown.growth if shown.held is None else np.concatenate([shown.growth, shown.held])
    y = make_scale(np.append(every[np.isfinite(every)], 1.0), top + _HEIGHT, top)
    x = Scale(shown.days.min() - 0.5, shown.days.max() + 0.5, _LEFT, _RIGHT)
    strip = top + _HEIGHT + 8
    content = _draw_legend(shown, top) + _draw_axes(x, y, strip)
    if shown.held is not None:
        content += _draw_curve(shown.days, shown.held, x, y, GREY)
    content += _draw_curve(shown.days, shown.growth, x, y, GAIN)
    trades = shown.trades.to_dicts()
    content += "".join(_draw_held(one, x, strip) for one in trades)
    rows = strip + _STRIP + 62
    content += _draw_table(trades, rows)
    height = rows + _ROW * (min(len(trades), _MOST_TRADES) + 1)
    return draw_picture(_WIDTH, height, caption, content).encode()


def _draw_legend(shown: BacktestEvidence, top: float) -> str:
    """Return two lines: what the curves are, and the bars below them."""
    held = f"{_draw_key(GREY)} bought and held, without costs"
    if shown.held is None:
        held = " (its prices were revised since: buying and holding is not drawn)"
    return (
        f'<text x="{_LEFT}" y="{top - 2 * _LINE + 4}">Growth of 1:{_draw_key(GAIN)} the strategy'
        f'{held}</text><text x="{_LEFT}" y="{top - _LINE + 4}">Bars below: positions that'
        f"{_draw_key(GAIN)} gained or{_draw_key(LOSS)} lost</text>"
    )


def _draw_key(color: str) -> str:
    return f' <tspan fill="{color}">&#9632;</tspan>'


def _draw_axes(x: Scale, y: Scale, strip: float) -> str:
    drawn = ""
    for name, place in y.ticks(5):
        drawn += f'<path d="M{_LEFT} {place:.1f}H{_RIGHT}" stroke="{RULE}"/>'
        drawn += draw_text(_LEFT - 6, place + 4, name, "end")
    for name, place in x.months(7):
        drawn += f'<path d="M{place:.1f} {y.last:.1f}V{strip + _STRIP}" stroke="{RULE}"/>'
        drawn += draw_text(place, strip + _STRIP + 16, name, "middle")
    level = y.at(1.0)
    return drawn + f'<path d="M{_LEFT} {level:.1f}H{_RIGHT}" stroke="{INK}" stroke-width="0.6"/>'


def _draw_curve(days: Floats, growth: Floats, x: Scale, y: Scale, color: str) -> str:
    finite = np.isfinite(growth)
    return draw_curve(x.place(days[finite]), y.place(growth[finite]), color, 1.6)


def _draw_held(trade: Mapping[str, Any], x: Scale, strip: float) -> str:
    """Return the bar of a position, from its entry to its exit."""
    first, last = (x.at((trade[name] - _EPOCH).days) for name in ("entry_date", "exit_date"))
    return (
        f'<rect x="{first:.1f}" y="{strip}" width="{max(last - first, 1.0):.1f}" '
        f'height="{_STRIP}" fill="{GAIN if trade["pnl"] > 0 else LOSS}"/>'
    )


def _draw_table(trades: Sequence[Mapping[str, Any]], top: float) -> str:
    newest = trades[-_MOST_TRADES:][::-1]
    title = f"{len(newest)} newest of {len(trades)} trades" if trades else "It opened no position."
    drawn = draw_text(10, top - _ROW - 4, title, font_weight="bold")
    rows = [[name for name, _, _ in _COLUMNS] if trades else [], *map(_list_cells, newest)]
    for number, cells in enumerate(rows):
        weight = {} if number else {"fill": "#5b6670"}
        for cell, (_, place, anchor) in zip(cells, _COLUMNS, strict=False):
            drawn += draw_text(place, top - 4 + _ROW * number, cell, anchor, **weight)
    return drawn


def _list_cells(trade: Mapping[str, Any]) -> list[str]:
    return [
        str(trade["trade_no"]),
        trade["direction"],
        str(trade["entry_date"]),
        f"{trade['entry_price']:,.2f}",
        "open" if trade["status"] == "open" else str(trade["exit_date"]),
        f"{trade['exit_price']:,.2f}",
        f"{trade['pnl']:+,.0f}",
        f"{trade['trade_return']:+.2%}",
        trade["exit_reason"],
    ]


_EPOCH = date(1970, 1, 1)
