"""Tables in Markdown."""

import polars as pl

from assets.leaderboard_report import SHOWN, render_ranking
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
    board = pl.DataFrame(
        [
            dict.fromkeys(SHOWN, -9.125) | {"rank": 12, "strategy": name} | LONG
            for name in registered_strategies()
        ]
    )
    told = render_ranking(board, trials=1_000_000)
    assert "|12|ensemble|deployable|10000|10|-9.12|-9.12|-9.12|-9.12|-9.12|" in told
    assert len(told) < 1000


LONG = {"verdict": "deployable", "symbols": 10_000, "stale_symbols": 10}
