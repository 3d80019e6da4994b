"""Tables in Markdown."""

import polars as pl

from assets.leaderboard_report import SHOWN
from assets.markdown import render_markdown
from strategies.registry import registered_strategies


def test_floats_have_three_digits_and_undefined_is_a_dash():
    frame = pl.DataFrame({"symbol": ["A", "B"], "trades": [7, 0], "sharpe_ratio": [1.23456, None]})
    assert render_markdown(frame).splitlines() == [
        "|symbol|trades|sharpe_ratio|",
        "|---|--:|--:|",
        "|A|7|1.235|",
        "|B|0|-|",
    ]


def test_the_ranking_is_short_enough_for_the_ui_to_show():
    ranking = pl.DataFrame(
        [
            dict.fromkeys(SHOWN, -10.125) | {"rank": 1, "strategy": name} | COUNTS
            for name in registered_strategies()
        ]
    )
    assert len(render_markdown(ranking)) < 1000


COUNTS = {"symbols": 10_000, "total_trades": 1_000_000}
