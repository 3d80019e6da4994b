"""The page of the leaderboard: strategies ranked, each with its verdict and its intervals."""

import math
from collections import Counter
from collections.abc import Mapping
from typing import Any

from markupsafe import Markup

from reports.figures.interval_chart import Interval, draw_intervals
from reports.html import render
from reports.inputs.leaderboard import Benchmark, LeaderboardInputs, SharpeInterval, is_thin
from reports.numbers import show_change, show_count, show_percent, show_ratio
from reports.page import Page, link_to
from reports.pages.criteria import build_criteria
from reports.paths import strategy_path
from reports.tables import Cell, Column, Table

PATH, CSV = "leaderboard.html", "leaderboard.csv"

_COLUMNS = (
    Column("Strategy"),
    Column("Rank", show_count, numeric=True),
    Column("Verdict"),
    Column("Sharpe", show_ratio,
           "Median over the ranked symbols, per year; one on which the capital was lost is the "
           "lowest.", numeric=True),
    Column("Return", show_change, "Median total return over the ranked symbols.", numeric=True),
    Column("Per year", show_change, "Median annualized return.", numeric=True),
    Column("Worst drawdown", show_percent, "Deepest of all symbols.", numeric=True),
    Column("Trades", show_count, numeric=True),
    Column("Beats holding", show_percent, "Share of symbols on which it beat buying and holding.",
           numeric=True),
    Column("Sharpe beyond market", show_ratio,
           "Of the returns beyond beta times the equal-weight universe, per year, all symbols "
           "together; with its 95% interval. The beta of each day is of other days, so that it "
           "differs from the one slope of the sweep.", numeric=True),
    Column("At twice the costs", show_ratio,
           "Sharpe ratio beyond the market, simulated again at twice the costs.", numeric=True),
    Column("Ranked", show_count, "Symbols with enough closed trades.", numeric=True),
    Column("Symbols", show_count, numeric=True),
)  # fmt: skip


def build_leaderboard(inputs: LeaderboardInputs) -> Page:
    """Return the page of a run's leaderboard."""
    rows = [_build_row(row, inputs.intervals.get(row["strategy"])) for row in inputs.rows]
    footer = [_build_benchmark(one) for one in inputs.benchmarks]
    table = Table("Strategies, best first", _COLUMNS, rows, footer)
    body = render(
        "leaderboard.html",
        inputs=inputs,
        sentence=_summarize(inputs),
        ranking=table.render(),
        csv=CSV,
        intervals=_draw(inputs),
        criteria=build_criteria(list(inputs.verdicts.values())).render(),
    )
    return Page(PATH, "Leaderboard", body, {CSV: table.to_csv()})


def _summarize(inputs: LeaderboardInputs) -> str:
    """Return what is to be known first: what can be believed, of how much that was tried."""
    counts = Counter(row["verdict"] or "not judged" for row in inputs.rows)
    said = ", ".join(f"{count} {name}" for name, count in sorted(counts.items()))
    tried = next((row["competing_trials"] for row in inputs.verdicts.values()), None)
    judged = f" Judged against the {tried:,} active trials on this universe." if tried else ""
    return f"Of {len(inputs.rows)} strategies: {said}.{judged}"


def _draw(inputs: LeaderboardInputs) -> Markup:
    known = [
        Interval(row["strategy"], one.value, one.low, one.high)
        for row in inputs.rows
        if (one := inputs.intervals.get(row["strategy"])) and math.isfinite(one.low + one.high)
    ]
    clear = [one.name for one in known if one.low > 0]
    above = f"above 0 as a whole: {', '.join(clear)}" if clear else "none is above 0 as a whole"
    return draw_intervals(
        "Sharpe ratio beyond the market, per year, with its 95% interval",
        f"{len(known)} strategies; intervals: {above}.",
        known,
        show_ratio,
    )


def _build_row(row: Mapping[str, Any], interval: SharpeInterval | None) -> list[Any]:
    verdict = row["verdict"] or "not judged"
    path = link_to(strategy_path(row["strategy"]))
    name = Cell(row["strategy"], path, note="thin: too few symbols traded" if is_thin(row) else "")
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
        _show_interval(interval),
        row["doubled_costs_sharpe_ratio"],
        row["ranked_symbols"],
        row["symbols"],
    ]


def _show_interval(interval: SharpeInterval | None) -> Cell:
    if interval is None or not math.isfinite(interval.value):
        return Cell(None)
    ends = f"{show_ratio(interval.low)} to {show_ratio(interval.high)}"
    return Cell(interval.value, note=ends)


def _build_benchmark(one: Benchmark) -> list[Any]:
    return [
        one.name, None, None, one.sharpe_ratio, one.total_return, one.annualized_return,
        one.max_drawdown, None, None, None, None, None, one.symbols,
    ]  # fmt: skip
