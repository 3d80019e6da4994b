"""The average of curves of unequal length, and a picture that is one."""

from datetime import date

import polars as pl

from assets.leaderboard_plot import compute_growth, render_leaderboard_plot


def _curve(symbol: str, first: int, values: list[float]) -> list[dict[str, object]]:
    return [
        {"strategy": "rsi", "symbol": symbol, "date": date(2023, 1, first + n), "equity": value}
        for n, value in enumerate(values)
    ]


# As a run leaves them, in parts that know nothing of each other's days; one may be empty.
EARLY = pl.DataFrame(_curve("EARLY", 1, [100.0, 200.0, 300.0]))
PARTS = [EARLY, pl.DataFrame(_curve("LATE", 3, [50.0, 25.0])), EARLY.clear()]


def test_a_symbol_is_cash_before_its_first_bar_and_stays_put_after_its_last():
    assert compute_growth(lambda: PARTS)["growth"].to_list() == [
        (1.0 + 1.0) / 2,
        (2.0 + 1.0) / 2,
        (3.0 + 1.0) / 2,
        (3.0 + 0.5) / 2,
    ]


def test_of_no_curves_there_is_no_average():
    assert compute_growth(list).is_empty()


def test_the_plot_is_a_png_even_where_nothing_is_ranked_and_no_curve_is_left():
    ranking = pl.DataFrame({"strategy": ["rsi"], "rank": [None]})
    standing = pl.DataFrame(
        {"strategy": ["rsi", "rsi"], "sharpe_ratio": [None, 1.0], "ranked": [False, False]},
        schema={"strategy": pl.String, "sharpe_ratio": pl.Float64, "ranked": pl.Boolean},
    )
    for curves in (lambda: PARTS, list):
        assert render_leaderboard_plot(ranking, standing, curves).startswith(b"\x89PNG")
