"""The plot of the leaderboard."""

from collections.abc import Mapping, Sequence
from html import escape

import numpy as np
import polars as pl
from numpy.typing import NDArray

from engine.equal_weight import EqualWeight
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

Floats = NDArray[np.float64]

_HIGHLIGHTED = ("#0b6e99", "#d1495b", "#edae49")
# The dialog of the Dagster UI shows 960 pixels in a window of 1280.
_WIDTH, _HEIGHT = 940, 514
_TOP, _BOTTOM = 122, 486
_GROWTH, _SPREAD_ENDS = (56, 496), 930
_BESIDE_CURVES = 12
_LETTER, _LONGEST_NAME = 7.2, 30
_HALF_BOX = 11
_WHISKERS = 1.5
"""Quartile ranges that a whisker is long at most, as by Tukey."""


def render_leaderboard_plot(
    ranking: pl.DataFrame,
    backtests: pl.DataFrame,
    growth: pl.DataFrame,
    caption: Sequence[str],
    *,
    trials: int,
    universe: EqualWeight | None,
) -> bytes:
    """Return an SVG: growth of each strategy on the left, spread of Sharpe ratios on the right.

    Parameters
    ----------
    ranking
        The leaderboard, best strategy first: columns strategy, rank, verdict.
    backtests
        Columns strategy, sharpe_ratio, ranked; only what is ranked is drawn, as in the table, and
        of that only what has a Sharpe ratio: a result that lost its capital has none.
    growth
        As `research.universe_growth.compute_growth` returns it.
    caption
        Lines above the plot, which are also the description of the SVG.
    trials
        Of how many the best are the best.
    universe
        What they are compared with; None for nothing.
    """
    order = ranking["strategy"].to_list()
    colors = dict(zip(order[: ranking["rank"].count()], _HIGHLIGHTED, strict=False))
    content = _draw_heading(len(order), len(colors), trials)
    content += _draw_legend(ranking, colors, universe)
    content += _draw_growth(growth, order, colors, universe)
    content += _draw_spread(backtests.filter("ranked").drop_nulls("sharpe_ratio"), order)
    return draw_picture(_WIDTH, _HEIGHT, caption, content).encode()


def _draw_heading(strategies: int, ranked: int, trials: int) -> str:
    """Return what the plot is of: of how many the best are the best is part of the claim."""
    best = f"the best {ranked} of {strategies} strategies and {trials:,} trials"
    shown = best if ranked else f"none of {strategies} strategies is ranked; {trials:,} trials"
    return draw_text(_GROWTH[0], _TOP - 48, f"Growth of 1, spread evenly over the symbols: {shown}")


def _draw_growth(
    growth: pl.DataFrame,
    order: list[str],
    colors: Mapping[str, str],
    universe: EqualWeight | None,
) -> str:
    first, last = _GROWTH
    if growth.is_empty():
        return _draw_axes(first, last, [])
    held = _build_benchmark(growth, universe)
    every = np.concatenate([growth["growth"].to_numpy(), held["growth"].to_numpy()])
    y = make_scale(np.append(every[np.isfinite(every)], 1.0), _BOTTOM, _TOP)
    days = growth["date"].to_physical().to_numpy()
    x = Scale(days.min() - 0.5, days.max() + 0.5, first + _BESIDE_CURVES, last - _BESIDE_CURVES)
    axes = _draw_axes(first, last, x.months(7))
    for name, place in y.ticks(6):
        axes += draw_text(first - 6, place + 4, name, "end")
    curves = "".join(
        _draw_curve(growth.filter(pl.col("strategy") == strategy), x, y, colors.get(strategy))
        for strategy in reversed(order)
    )
    curves += _draw_curve(held, x, y, INK)
    one = y.at(1.0)
    level = f'<path d="M{first} {one:.1f}H{last}" stroke="{INK}" stroke-width="0.6"/>'
    return axes + curves + level


def _build_benchmark(growth: pl.DataFrame, universe: EqualWeight | None) -> pl.DataFrame:
    """Return the growth of the universe on the days of the curves; empty without one."""
    days = growth["date"].unique().sort()
    if universe is None:
        return growth.clear()
    level = np.cumprod(1.0 + universe.returns_on(days.to_numpy().astype("datetime64[D]")))
    return pl.DataFrame({"strategy": "", "date": days, "growth": level})


def _draw_curve(curve: pl.DataFrame, x: Scale, y: Scale, color: str | None) -> str:
    days, growth = curve["date"].to_physical().to_numpy(), curve["growth"].to_numpy()
    finite = np.isfinite(growth)
    if not finite.any():
        return ""
    places = x.place(days[finite]), y.place(growth[finite])
    return draw_curve(*places, color or GREY, 1.8 if color else 1.0)


def _draw_legend(
    ranking: pl.DataFrame, colors: Mapping[str, str], universe: EqualWeight | None
) -> str:
    """Return two lines: the best, each with its verdict, and what the other lines are."""
    verdicts = dict(ranking.select("strategy", "verdict").iter_rows())
    best = [(colors[name], f"{name} ({verdicts[name] or 'not judged'})") for name in colors]
    others = len(verdicts) - len(colors)
    rest = [(GREY, f"{others} other strateg{'y' if others == 1 else 'ies'}")] if others else []
    if universe is not None:
        rest.append((INK, f"equal-weight universe of {universe.symbols} symbols, without costs"))
    return _draw_keys(best, _TOP - 30) + _draw_keys(rest, _TOP - 12)


def _draw_keys(keys: Sequence[tuple[str, str]], y: float) -> str:
    names = "".join(
        f'<tspan fill="{color}">&#9632;</tspan> {escape(name)} &#160; ' for color, name in keys
    )
    return f'<text x="{_GROWTH[0]}" y="{y}">{names}</text>' if keys else ""


def _draw_spread(backtests: pl.DataFrame, order: list[str]) -> str:
    ratios = backtests.drop_nulls("sharpe_ratio")
    samples = {
        strategy: summarize(sample["sharpe_ratio"].to_numpy())
        for (strategy,), sample in ratios.group_by("strategy", maintain_order=True)
    }
    longest = min(_LONGEST_NAME, max(map(len, order), default=0))
    first = _GROWTH[1] + 20 + _LETTER * longest
    ends = np.concatenate([[0.0], *samples.values()])
    scale = make_scale(ends, first, _SPREAD_ENDS)
    drawn = draw_text(first, _TOP - 12, "Sharpe ratio of ranked symbols, quartiles")
    drawn += _draw_axes(first, _SPREAD_ENDS, scale.ticks(4))
    zero = scale.at(0.0)
    drawn += f'<path d="M{zero:.1f} {_TOP}V{_BOTTOM}" stroke="{INK}" stroke-width="0.6"/>'
    row = (_BOTTOM - _TOP) / max(len(order), 1)
    for number, strategy in enumerate(order):
        middle = _TOP + row * (number + 0.5)
        drawn += draw_text(first - 6, middle + 4, strategy[:_LONGEST_NAME], "end")
        if strategy in samples:
            drawn += _draw_box(scale.place(samples[strategy]), middle, min(_HALF_BOX, 0.35 * row))
    return drawn


def summarize(values: Floats) -> Floats:
    """Return the lower whisker, the quartiles and the upper whisker of one value or more.

    A whisker ends at the last value within 1.5 quartile ranges of the box.
    """
    lower, middle, upper = np.percentile(values, [25, 50, 75])
    reach = _WHISKERS * (upper - lower)
    low, high = values[values >= lower - reach].min(), values[values <= upper + reach].max()
    return np.array([min(low, lower), lower, middle, upper, max(high, upper)])


def _draw_box(places: Floats, middle: float, half: float) -> str:
    low, lower, median, upper, high = (f"{place:.1f}" for place in places)
    top, bottom, cap = f"{middle - half:.1f}", f"{middle + half:.1f}", f"{half:.1f}"
    return (
        f'<path d="M{low} {middle:.1f}H{lower}M{upper} {middle:.1f}H{high}'
        f"M{low} {middle - half / 2:.1f}v{cap}M{high} {middle - half / 2:.1f}v{cap}"
        f'M{lower} {top}H{upper}V{bottom}H{lower}Z" fill="none" stroke="{INK}"/>'
        f'<path d="M{median} {top}V{bottom}" stroke="{_HIGHLIGHTED[0]}" stroke-width="2"/>'
    )


def _draw_axes(first: float, last: float, ticks: list[tuple[str, float]]) -> str:
    drawn = "".join(
        f'<path d="M{place:.1f} {_TOP}V{_BOTTOM}" stroke="{RULE}"/>'
        + draw_text(place, _BOTTOM + 18, name, "middle")
        for name, place in ticks
    )
    return drawn + f'<path d="M{first:.1f} {_TOP}V{_BOTTOM}H{last}" fill="none" stroke="{INK}"/>'
