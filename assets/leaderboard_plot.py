"""Plots of the leaderboard, as PNG. matplotlib without its global state: no window, no pyplot."""

import io
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import polars as pl

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_HIGHLIGHTED = ("#0b6e99", "#d1495b", "#edae49")
_GREY = "#b9c0c7"
_INK = "#2b2f33"


def render_leaderboard_plot(
    ranking: pl.DataFrame, backtests: pl.DataFrame, growth: pl.DataFrame, caption: Sequence[str]
) -> bytes:
    """Return a PNG: growth of each strategy on the left, spread of Sharpe ratios on the right.

    Parameters
    ----------
    ranking
        The leaderboard, best strategy first.
    backtests
        Columns strategy, sharpe_ratio, ranked; only what is ranked is drawn, as in the table.
    growth
        As `research.universe_growth.compute_growth` returns it.
    caption
        Lines above the plot, which are also the PNG's description.
    """
    figure = draw_leaderboard(ranking, backtests, growth, caption)
    content = io.BytesIO()
    described = {"Title": "Leaderboard", "Description": "; ".join(caption)}
    figure.savefig(content, format="png", dpi=100, metadata=described)
    return content.getvalue()


def draw_leaderboard(
    ranking: pl.DataFrame, backtests: pl.DataFrame, growth: pl.DataFrame, caption: Sequence[str]
) -> "Figure":
    """Return the figure that `render_leaderboard_plot` saves."""
    from matplotlib.figure import Figure

    # At 100 dots per inch: the dialog of the Dagster UI shows 960 of them in a window of 1280.
    figure = Figure(figsize=(9.4, 4.8), layout="constrained")
    figure.suptitle(
        "\n".join(caption), x=0.01, ha="left", fontsize=10, color=_INK, fontweight="bold"
    )
    left, right = figure.subplots(1, 2, width_ratios=(3, 2))
    order = ranking["strategy"].to_list()
    _draw_growth(left, growth, order, ranking["rank"].count())
    _draw_spread(right, backtests.filter("ranked"), order)
    return figure


def _draw_growth(axes: "Axes", growth: pl.DataFrame, order: list[str], ranked: int) -> None:
    from matplotlib.dates import AutoDateLocator, ConciseDateFormatter

    highlighted = min(ranked, len(_HIGHLIGHTED))
    for place, strategy in reversed(list(enumerate(order))):
        curve = growth.filter(pl.col("strategy") == strategy)
        top = place < highlighted
        axes.plot(
            curve["date"].to_numpy(),
            curve["growth"].to_numpy(),
            color=_HIGHLIGHTED[place] if top else _GREY,
            linewidth=1.8 if top else 1.0,
            label=strategy if top else None,
        )
    axes.axhline(1.0, color=_INK, linewidth=0.6)
    if not growth.is_empty():
        days = AutoDateLocator(minticks=2, maxticks=7)
        axes.xaxis.set_major_locator(days)
        axes.xaxis.set_major_formatter(ConciseDateFormatter(days))
    axes.set_title("Growth of 1, spread evenly over the symbols", loc="left", fontsize=10)
    handles, labels = axes.get_legend_handles_labels()
    axes.legend(handles[::-1], labels[::-1], frameon=False, title="best ranked; others grey")
    _style(axes)


def _draw_spread(axes: "Axes", backtests: pl.DataFrame, order: list[str]) -> None:
    worst_first = order[::-1]
    samples = [
        backtests.filter(pl.col("strategy") == strategy)["sharpe_ratio"].drop_nulls().to_numpy()
        for strategy in worst_first
    ]
    style: dict[str, Any] = {"color": _INK, "linewidth": 0.9}
    axes.boxplot(
        samples,
        orientation="horizontal",
        tick_labels=worst_first,
        showfliers=False,
        medianprops={"color": _HIGHLIGHTED[0], "linewidth": 2},
        boxprops=style,
        whiskerprops=style,
        capprops=style,
    )
    axes.axvline(0.0, color=_INK, linewidth=0.6)
    axes.set_title("Sharpe ratio of ranked symbols, quartiles", loc="left", fontsize=10)
    _style(axes)


def _style(axes: "Axes") -> None:
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(axis="x", color="#e6e8ea", linewidth=0.6)
    axes.tick_params(labelsize=9)
