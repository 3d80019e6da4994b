"""The page of the leaderboard: strategies ranked, each with its verdict and its intervals."""

from collections.abc import Mapping
from typing import Any

from reports.html import render
from reports.inputs.leaderboard import Benchmark, LeaderboardInputs, is_thin
from reports.numbers import show_change, show_count, show_percent, show_ratio
from reports.page import Page
from reports.tables import Cell, Column, Table

PATH, CSV = "leaderboard.html", "leaderboard.csv"

_COLUMNS = (
    Column("Strategy"),
    Column("Rank", show_count, numeric=True),
    Column("Verdict"),
    Column("Sharpe", show_ratio, "Median over the ranked symbols, per year.", numeric=True),
    Column("Return", show_change, "Median total return over the ranked symbols.", numeric=True),
    Column("Per year", show_change, "Median annualized return.", numeric=True),
    Column("Worst drawdown", show_percent, "Deepest of all symbols.", numeric=True),
    Column("Trades", show_count, numeric=True),
    Column("Beats holding", show_percent, "Share of symbols on which it beat buying and holding.",
           numeric=True),
    Column("Ranked", show_count, "Symbols with enough closed trades.", numeric=True),
    Column("Symbols", show_count, numeric=True),
)  # fmt: skip


def build_leaderboard(inputs: LeaderboardInputs) -> Page:
    """Return the page of a run's leaderboard."""
    rows = [_build_row(row) for row in inputs.rows]
    footer = [_build_benchmark(one) for one in inputs.benchmarks]
    table = Table("Strategies, best first", _COLUMNS, rows, footer)
    body = render(
        "leaderboard.html",
        lead="Strategies ranked by the median Sharpe ratio over the universe.",
        caption=inputs.heading.caption,
        ranking=table.render(),
        csv=CSV,
        criteria="",
    )
    return Page(PATH, "Leaderboard", body, {CSV: table.to_csv()})


def _build_row(row: Mapping[str, Any]) -> list[Any]:
    verdict = row["verdict"] or "not judged"
    name = Cell(row["strategy"], note="thin: too few symbols traded" if is_thin(row) else "")
    return [
        name,
        row["rank"],
        Cell(verdict, kind=f"verdict {verdict.replace(' ', '-')}"),
        row["median_sharpe_ratio"],
        row["median_total_return"],
        row["median_annualized_return"],
        row["worst_max_drawdown"],
        row["total_trades"],
        row["share_beating_benchmark"],
        row["ranked_symbols"],
        row["symbols"],
    ]


def _build_benchmark(one: Benchmark) -> list[Any]:
    return [
        one.name, None, None, one.sharpe_ratio, one.total_return, one.annualized_return,
        one.max_drawdown, None, None, None, one.symbols,
    ]  # fmt: skip
