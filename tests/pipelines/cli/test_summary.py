"""What the main job prints at its end: checks that did not pass, and the ranking."""

import io
from typing import Any

import dagster as dg
import polars as pl
import pytest
from rich.console import Console

from pipelines.cli.summary import _print_ranking, print_checks


def _evaluation(asset: str, name: str, error: bool, **metadata: Any) -> dg.AssetCheckEvaluation:
    severity = dg.AssetCheckSeverity.ERROR if error else dg.AssetCheckSeverity.WARN
    return dg.AssetCheckEvaluation(
        asset_key=dg.AssetKey(asset.split("/")),
        check_name=name,
        passed=False,
        metadata={key: dg.MetadataValue.md(text) for key, text in metadata.items()},
        severity=severity,
        description=f"{name} is off.",
    )


def _printed(*evaluations: dg.AssetCheckEvaluation) -> str:
    file = io.StringIO()
    print_checks(Console(file=file, width=200), evaluations)
    return file.getvalue()


def test_offenders_and_guidance_of_a_check_are_printed():
    one = _evaluation(
        "prices", "volume", False, offenders="- `A` 3 days\n- `B` 4", guidance="Look."
    )
    assert _printed(one) == (
        "\nCheck volume of prices warns: volume is off.\n"
        "  - `A` 3 days\n  - `B` 4\n  What to do: Look.\n"
    )


def test_equal_findings_of_several_assets_are_printed_once():
    several = [_evaluation(f"backtests/{name}", "rate", True) for name in ("rsi", "macd", "ema")]
    assert _printed(*several) == (
        "\nCheck rate of backtests/rsi and 2 more assets failed: rate is off.\n"
    )


def test_failed_symbols_are_left_to_their_own_list():
    one = _evaluation("prices", "rate", True, offenders="- `A` (prices) Error: no", failures="1")
    assert "`A`" not in _printed(one)


def test_nothing_is_printed_when_all_checks_passed():
    assert _printed() == ""


RANKING = pl.DataFrame(
    {
        "rank": [1, None],
        "strategy": ["online_learning", "macd"],
        "verdict": ["deployable", "rejected"],
        "ranked_symbols": [110, 3],
        "stale_symbols": [0, 0],
        "median_sharpe_ratio": [1.25, -0.5],
        "median_total_return": [2.307, -0.1],
        "median_annualized_return": [0.122, -0.01],
        "worst_max_drawdown": [-0.59, -0.3],
        "total_trades": [12179, 20],
        "share_beating_benchmark": [0.4, None],
        "portfolio_return": [1.234, -0.056],
        "portfolio_sharpe": [0.98, None],
        "residual_sharpe_ratio": [0.71, 0.0],
        "doubled_costs_sharpe_ratio": [0.55, None],
    }
)
MEDIANS = [
    "# strategy        verdict    ranked Sharpe  return yearly worst trades beats",
    "1 online_learning deployable    110   1.25 +230.7% +12.2%  -59%  12179   40%",
    "- macd            rejected        3  -0.50  -10.0%  -1.0%  -30%     20     -",
]
ACCOUNTS = [" portfolio pf Sharpe", "   +123.4%      0.98", "     -5.6%         -"]
BEYOND = [" beyond doubled", "   0.71    0.55", "   0.00       -"]


def _print(width: int, ranking: pl.DataFrame = RANKING) -> tuple[list[str], str]:
    """Return the lines of the table, and all words below it."""
    file = io.StringIO()
    _print_ranking(Console(file=file, width=width), ranking)
    lines = file.getvalue().splitlines()
    return [line.rstrip() for line in lines[:3]], " ".join(lines[3:])


@pytest.mark.parametrize(
    ("width", "shown", "left"),
    [
        (80, [MEDIANS], "portfolio, pf Sharpe, beyond, doubled"),
        (96, [MEDIANS, ACCOUNTS], "beyond, doubled"),
        (120, [MEDIANS, ACCOUNTS, BEYOND], ""),
    ],
)
def test_accounts_are_shown_where_there_is_room(width: int, shown: list[list[str]], left: str):
    table, words = _print(width)
    assert table == ["".join(line) for line in zip(*shown, strict=True)]
    assert ("portfolio: return of one account" in words) is (ACCOUNTS in shown)
    assert ("doubled: the same at twice the costs" in words) is (BEYOND in shown)
    named = f"Not shown for lack of room, and in leaderboard.csv: {left}."
    assert ("Not shown" in words, named in words) == (bool(left), bool(left))


def test_accounts_that_a_run_has_not_are_not_named():
    names = ["portfolio_return", "portfolio_sharpe"]
    names += ["residual_sharpe_ratio", "doubled_costs_sharpe_ratio"]
    _, words = _print(80, RANKING.with_columns(pl.lit(None, pl.Float64).alias(n) for n in names))
    assert "Not shown" not in words
    assert "portfolio" not in words


def test_a_rounded_zero_has_no_sign():
    tiny = {"median_total_return": -0.0004, "worst_max_drawdown": -0.004}
    tiny |= {"median_annualized_return": 0.0001, "median_sharpe_ratio": -0.001}
    table, _ = _print(80, RANKING.with_columns(pl.lit(n).alias(name) for name, n in tiny.items()))
    assert table[1].split()[4:8] == ["0.00", "0.0%", "0.0%", "0%"]
