"""What the Dagster UI shows of the tests of robustness of a strategy."""

from collections.abc import Mapping, Sequence
from typing import Any

import dagster as dg
import polars as pl

from assets.markdown import render_markdown
from assets.research_assets import list_failures

NOTHING_TRADED = "It opened no position in the window: there is nothing to test."

_TESTS = pl.Schema(
    {
        "test": pl.String(),
        "value": pl.Float64(),
        "low": pl.Float64(),
        "high": pl.Float64(),
        "meaning": pl.String(),
    }
)
_PERIODS = pl.Schema(
    {
        "period": pl.String(),
        "bars": pl.Int64(),
        "residual Sharpe ratio": pl.Float64(),
        "residual return": pl.Float64(),
    }
)
_Range = tuple[float | None, float | None]
_Row = tuple[str, float | None, float | None, float | None, str]


def describe_metadata(stored: Mapping[str, Any], path: str) -> dict[str, Any]:
    """Return the metadata of a strategy's tests from what its file says."""
    facts = {"parameters": stored["parameters"], "symbols": stored["symbols"]}
    place = {**list_failures(stored["failures"]), "path": dg.MetadataValue.path(path)}
    if not stored["random_entries"]["positions"]:
        return facts | {"positions": 0, "why": NOTHING_TRADED} | place
    numbers = {name: one for name, one in list_headlines(stored).items() if one is not None}
    tables = {
        "tests": dg.MetadataValue.md(render_markdown(build_tests(stored))),
        "periods": dg.MetadataValue.md(render_markdown(build_periods(stored))),
    }
    return facts | numbers | tables | place


def list_headlines(stored: Mapping[str, Any]) -> dict[str, float | None]:
    """Return the numbers by which strategies are compared; ratios and returns are per year."""
    intervals, permuted = stored["intervals"], stored["day_permutation"]
    shifted, near = _find_shifted_range(stored), _find_neighbour_range(stored)
    return {
        "positions": stored["random_entries"]["positions"],
        "residual_sharpe_ratio": stored["own"]["annual_sharpe"],
        "residual_sharpe_ratio_low": intervals["annual_sharpe"][0],
        "residual_sharpe_ratio_high": intervals["annual_sharpe"][1],
        "residual_return": stored["own"]["annual_return"],
        "residual_return_low": intervals["annual_return"][0],
        "residual_return_high": intervals["annual_return"][1],
        "random_entries_p_value": stored["random_entries"]["p_value"],
        "shuffled_drawdown_95": stored["trade_shuffle"]["high"],
        "doubled_costs_sharpe_ratio": stored["doubled_costs"]["annual_sharpe"],
        "shifted_starts_lowest_sharpe_ratio": shifted[0],
        "shifted_starts_highest_sharpe_ratio": shifted[1],
        "neighbours_lowest_sharpe_ratio": near[0],
        "neighbours_highest_sharpe_ratio": near[1],
        "permuted_days_p_value": permuted["p_value"] if permuted else None,
    }


def build_tests(stored: Mapping[str, Any]) -> pl.DataFrame:
    """Return one row per test; Sharpe ratios and returns are of residuals, per year."""
    return pl.DataFrame([*_list_luck(stored), *_list_choices(stored)], schema=_TESTS, orient="row")


def build_periods(stored: Mapping[str, Any]) -> pl.DataFrame:
    """Return one row per year and per regime of the market's volatility."""
    regimes = {f"{name} market": one for name, one in stored["regimes"].items()}
    rows = [
        (name, one["bars"], one["annual_sharpe"], one["annual_return"])
        for name, one in (stored["years"] | regimes).items()
    ]
    return pl.DataFrame(rows, schema=_PERIODS, orient="row")


def _list_luck(stored: Mapping[str, Any]) -> list[_Row]:
    """Return the tests that ask how much the order of days, trades and entries made of it."""
    own, intervals = stored["own"], stored["intervals"]
    entries, shuffle = stored["random_entries"], stored["trade_shuffle"]
    interval = f"{intervals['level']:.0%} interval"
    rows: list[_Row] = [
        ("Sharpe ratio", own["annual_sharpe"], *intervals["annual_sharpe"], interval),
        ("return", own["annual_return"], *intervals["annual_return"], interval),
        (
            "random entries: p-value", entries["p_value"], None, None,
            f"share of {entries['places']} places where its positions earn as much",
        ),
        (
            "shuffled trades: drawdown", shuffle["median"], shuffle["low"], shuffle["high"],
            f"median, 5% and 95% of orders; {_number(shuffle['drawdown'])} in their own",
        ),
    ]  # fmt: skip
    permuted = stored["day_permutation"]
    if permuted:
        known = [one for one in permuted["permuted"] if one is not None]
        found = _number(permuted["statistic"])
        orders = len(permuted["permuted"])
        meaning = f"the sweep's highest Sharpe ratio is {found}; range on {orders} orders"
        rows.append(("permuted days: p-value", permuted["p_value"], *_find_range(known), meaning))
    return rows


def _list_choices(stored: Mapping[str, Any]) -> list[_Row]:
    """Return the tests that ask what costs, the first day and parameters made of it."""
    dear, near = stored["doubled_costs"], stored["jittered"]
    starts = ", ".join(one["start"] for one in stored["shifted_starts"])
    return [
        ("doubled costs: Sharpe ratio", dear["annual_sharpe"], None, None, "simulated again"),
        (
            "shifted starts: Sharpe ratio", None, *_find_shifted_range(stored),
            f"from {starts} on" if starts else "window too short",
        ),
        (
            "neighbours: Sharpe ratio", None, *_find_neighbour_range(stored),
            f"points of the sweep, one step away: {len(near)}",
        ),
    ]  # fmt: skip


def _find_shifted_range(stored: Mapping[str, Any]) -> _Range:
    return _find_range([one["performance"]["annual_sharpe"] for one in stored["shifted_starts"]])


def _find_neighbour_range(stored: Mapping[str, Any]) -> _Range:
    return _find_range([one["performance"]["annual_sharpe"] for one in stored["jittered"]])


def _find_range(values: Sequence[float | None]) -> _Range:
    known = [one for one in values if one is not None]
    return (min(known), max(known)) if known else (None, None)


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"
