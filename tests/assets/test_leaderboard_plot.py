"""The plot of the leaderboard as a PNG."""

from datetime import date

import numpy as np
import polars as pl

from assets.leaderboard_plot import draw_leaderboard, render_leaderboard_plot

DAYS = [date(2023, 1, day) for day in (2, 3, 4, 5)]
GROWTH = pl.DataFrame({"strategy": "rsi", "date": DAYS, "growth": [1.0, 1.5, 2.0, 1.75]})


def test_the_plot_draws_growth_and_the_spread_of_ranked_ratios():
    ranking = pl.DataFrame({"strategy": ["rsi"], "rank": [1]})
    ratios = pl.DataFrame(
        {
            "strategy": ["rsi"] * 4,
            "sharpe_ratio": [1.0, 2.0, 4.0, 9.0],
            "ranked": [True, True, True, False],
        }
    )
    figure = draw_leaderboard(ranking, ratios, GROWTH, ["made up", "1 of 2"])
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
    for growth in (GROWTH, GROWTH.clear()):
        plot = render_leaderboard_plot(ranking, standing, growth, ["made up", "1 of 2"])
        # The dialog of the Dagster UI shows so much in a window of 1280.
        assert int.from_bytes(plot[16:20]) <= 960
        assert plot.startswith(b"\x89PNG")
        assert b"Description\0made up; 1 of 2" in plot
