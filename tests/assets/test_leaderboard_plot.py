"""The average growth of curves of unequal length, and the plot as a PNG."""

from datetime import date

import numpy as np
import polars as pl

from assets.leaderboard_plot import compute_growth, draw_leaderboard, render_leaderboard_plot


def _curve(symbol: str, first: int, values: list[float]) -> list[dict[str, object]]:
    return [
        {"strategy": "rsi", "symbol": symbol, "date": date(2023, 1, first + n), "equity": value}
        for n, value in enumerate(values)
    ]


# The parts of a run: they may have different days, and one may be empty.
EARLY = pl.DataFrame(_curve("EARLY", 1, [100.0, 200.0, 300.0]))
PARTS = [EARLY, pl.DataFrame(_curve("LATE", 3, [50.0, 25.0])), EARLY.clear()]


def test_growth_is_constant_outside_the_bars_of_a_symbol():
    assert compute_growth(lambda: PARTS)["growth"].to_list() == [
        (1.0 + 1.0) / 2,
        (2.0 + 1.0) / 2,
        (3.0 + 1.0) / 2,
        (3.0 + 0.5) / 2,
    ]


def test_growth_of_no_curves_is_empty():
    assert compute_growth(list).is_empty()


def test_the_plot_draws_growth_and_the_spread_of_ranked_ratios():
    ranking = pl.DataFrame({"strategy": ["rsi"], "rank": [1]})
    ratios = pl.DataFrame(
        {
            "strategy": ["rsi"] * 4,
            "sharpe_ratio": [1.0, 2.0, 4.0, 9.0],
            "ranked": [True, True, True, False],
        }
    )
    figure = draw_leaderboard(ranking, ratios, lambda: PARTS, ["made up", "1 of 2"])
    growth, spread = figure.axes
    drawn = next(line for line in growth.lines if line.get_label() == "rsi")
    assert np.asarray(drawn.get_ydata()).tolist() == [1.0, 1.5, 2.0, 1.75]
    assert 2.0 in [np.asarray(line.get_xdata()).tolist()[0] for line in spread.lines], "the median"
    assert figure.get_suptitle() == "made up\n1 of 2"


def test_the_plot_is_a_png_without_ranks_and_without_curves():
    ranking = pl.DataFrame({"strategy": ["rsi"], "rank": [None]})
    standing = pl.DataFrame(
        {"strategy": ["rsi", "rsi"], "sharpe_ratio": [None, 1.0], "ranked": [False, False]},
        schema={"strategy": pl.String, "sharpe_ratio": pl.Float64, "ranked": pl.Boolean},
    )
    for curves in (lambda: PARTS, list):
        plot = render_leaderboard_plot(ranking, standing, curves, ["made up", "1 of 2"])
        # The dialog of the Dagster UI shows so much in a window of 1280.
        assert int.from_bytes(plot[16:20]) <= 960
        assert plot.startswith(b"\x89PNG")
        assert b"Description\0made up; 1 of 2" in plot
