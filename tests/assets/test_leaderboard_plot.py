"""The plot of the leaderboard: what it draws, read back by its own scales."""

from datetime import date, timedelta
from xml.etree import ElementTree

import numpy as np
import polars as pl
import pytest

from assets.leaderboard_plot import render_leaderboard_plot, summarize
from engine.equal_weight import EqualWeight

DAYS = [date(2023, 1, 2) + timedelta(days=day) for day in range(100)]
VALUES = [1.0 + 0.5 * np.sin(day / 9) for day in range(100)]
GROWTH = pl.DataFrame({"strategy": "rsi", "date": DAYS, "growth": VALUES})
CAPTION = ["made up & more", "1 of 2"]
Picture = ElementTree.Element


def read_picture(svg: bytes) -> Picture:
    """Return an SVG that a browser can draw."""
    plain = svg.replace(b' xmlns="http://www.w3.org/2000/svg"', b"")
    return ElementTree.fromstring(plain)  # noqa: S314 - written here


def places(picture: Picture, *texts: str, side: str) -> list[float]:
    """Return where texts stand, the x or y of them."""
    found = {"".join(one.itertext()): float(one.attrib[side]) for one in picture.iter("text")}
    return [found[text] for text in texts]


def points(path: str) -> np.ndarray:
    """Return the points of a curve, in pixels."""
    begin, _, steps = path.removeprefix("M").partition("l")
    numbers = [begin, *steps.split(" ")] if steps else [begin]
    return np.cumsum(np.array(" ".join(numbers).split(), float).reshape(-1, 2), axis=0) / 10


def test_the_plot_draws_growth_and_the_spread_of_ranked_ratios():
    ranking = pl.DataFrame(
        {
            "strategy": ["rsi", "adx", "macd"],
            "rank": [1, 2, None],
            "verdict": ["rejected", None, "promising"],
        }
    )
    ratios = pl.DataFrame(
        {
            "strategy": ["rsi"] * 4,
            "sharpe_ratio": [1.0, 2.0, 4.0, 9.0],
            "ranked": [True, True, True, False],
        }
    )
    # From before the curves on, with a day on which they have no bar.
    days = np.array([DAYS[0] - timedelta(days=1), DAYS[0], *DAYS[2:]], dtype="datetime64[D]")
    universe = EqualWeight(days, np.array([0.7, 0.8, *np.linspace(0.8, 1.2, 98)]), 107)
    picture = read_picture(
        render_leaderboard_plot(ranking, ratios, GROWTH, CAPTION, trials=1234, universe=universe)
    )
    assert picture.findtext("desc") == "made up & more; 1 of 2"
    assert int(picture.attrib["width"]) <= 960, "the dialog of the Dagster UI shows so much"
    texts = ["".join(one.itertext()) for one in picture.iter("text")]
    assert texts[:2] == CAPTION
    best = "the best 2 of 3 strategies and 1,234 trials"
    assert f"Growth of 1, spread evenly over the symbols: {best}" in texts
    words = [" ".join(one.split()) for one in texts]
    assert "■ rsi (rejected) ■ adx (not judged)" in words
    others = "■ 1 other strategy ■ equal-weight universe of 107 symbols, without costs"
    assert others in words

    curve, held = [one for one in picture.iter("path") if "transform" in one.attrib]
    x, y = points(curve.attrib["d"]).T
    one, half = places(picture, "1.0", "0.6", side="y")
    np.testing.assert_allclose(1.0 + (one - (y - -4.0)) / (half - one) * 0.4, VALUES, atol=2e-3)
    level = points(held.attrib["d"])[:, 1]
    drawn = 1.0 + (one - (level - -4.0)) / (half - one) * 0.4
    # 1 on the first day of the curves, and half as much again on the last.
    np.testing.assert_allclose(drawn[[0, 1, -1]], [1.0, 1.0, 1.5], atol=2e-3)
    february, april = places(picture, "Feb 2023", "Apr 2023", side="x")
    days = (x - february) / (april - february) * 59
    np.testing.assert_allclose(days, np.arange(100) - 30, atol=0.05)

    zero, two, four = places(picture, "0", "2", "4", side="x")
    median = next(one for one in picture.iter("path") if one.get("stroke-width") == "2")
    assert median.attrib["d"].startswith(f"M{two:.1f} ")
    box = next(one for one in picture.iter("path") if one.attrib["d"].count("H") == 4)
    low, lower = (zero + value * (four - zero) / 4 for value in (1.0, 1.5))
    assert box.attrib["d"].startswith(f"M{low:.1f} ")
    assert f"H{lower:.1f}M" in box.attrib["d"]


@pytest.mark.parametrize(
    "growth",
    [GROWTH, GROWTH.clear(), GROWTH[:1], GROWTH.with_columns(growth=pl.lit(np.nan))],
    ids=["curves", "none", "one day", "no number"],
)
def test_the_plot_is_drawn_without_ranks_and_without_curves(growth: pl.DataFrame):
    ranking = pl.DataFrame({"strategy": ["rsi"], "rank": [None], "verdict": [None]})
    standing = pl.DataFrame(
        {"strategy": ["rsi", "rsi"], "sharpe_ratio": [None, 1.0], "ranked": [False, False]},
        schema={"strategy": pl.String, "sharpe_ratio": pl.Float64, "ranked": pl.Boolean},
    )
    plot = render_leaderboard_plot(ranking, standing, growth, CAPTION, trials=1, universe=None)
    assert read_picture(plot).findtext("desc") == "made up & more; 1 of 2"
    assert not {b"nan", b"inf"} & set(plot.split())


def test_whiskers_end_within_one_and_a_half_quartile_ranges():
    values = np.array([-9.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 11.0, 14.0])
    # The quartiles are those of NumPy: 2.25 and 6.75.
    assert summarize(values).tolist() == [1.0, 2.25, 4.5, 6.75, 11.0]
    assert summarize(np.array([2.0])).tolist() == [2.0] * 5
