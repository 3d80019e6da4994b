"""The average growth of curves of unequal length, and the plot as a PNG."""

from datetime import date

import polars as pl

from assets.leaderboard_plot import compute_growth, render_leaderboard_plot


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


def test_the_plot_is_a_png_without_ranks_and_without_curves():
    ranking = pl.DataFrame({"strategy": ["rsi"], "rank": [None]})
    standing = pl.DataFrame(
        {"strategy": ["rsi", "rsi"], "sharpe_ratio": [None, 1.0], "ranked": [False, False]},
        schema={"strategy": pl.String, "sharpe_ratio": pl.Float64, "ranked": pl.Boolean},
    )
    for curves in (lambda: PARTS, list):
        plot = render_leaderboard_plot(ranking, standing, curves, ["made up", "1 of 2"])
        assert plot.startswith(b"\x89PNG")
        assert b"Description\0made up; 1 of 2" in plot
