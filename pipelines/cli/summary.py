"""What the main job prints at its end: failures, the leaderboard, and where everything is."""

from collections import defaultdict, deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import dagster as dg
from rich.console import Console
from rich.table import Table

from assets.leaderboard_report import name_folder
from assets.stage_reporting import name_failed
from pipelines.cli.terminal import print_as_it_is, print_wrapped
from reports.numbers import unsign
from research.leaderboard_caption import build_caption
from resources.redaction import redact_address
from resources.result_store.manager import BacktestPersistenceManager

if TYPE_CHECKING:
    import polars as pl

_FAILURES_SHOWN = 5
_REPEATED = 2

# Headings as short as the values: the table fits eighty columns.
_COLUMNS = {
    "rank": ("#", "{:d}"),
    "strategy": ("strategy", "{}"),
    "verdict": ("verdict", "{}"),
    "ranked_symbols": ("ranked", "{:d}"),
    "median_sharpe_ratio": ("Sharpe", "{:.2f}"),
    "median_total_return": ("return", "{:+.1%}"),
    "median_annualized_return": ("yearly", "{:+.1%}"),
    "worst_max_drawdown": ("worst", "{:.0%}"),
    "total_trades": ("trades", "{:d}"),
    "share_beating_benchmark": ("beats", "{:.0%}"),
}

_BESIDE: tuple[tuple[Mapping[str, tuple[str, str]], str], ...] = (
    (
        {
            "portfolio_return": ("portfolio", "{:+.1%}"),
            "portfolio_sharpe": ("pf Sharpe", "{:.2f}"),
        },
        "portfolio: return of one account that trades the strategy; pf Sharpe: its Sharpe ratio.",
    ),
    (
        {
            "residual_sharpe_ratio": ("beyond", "{:.2f}"),
            "doubled_costs_sharpe_ratio": ("doubled", "{:.2f}"),
        },
        "beyond: Sharpe ratio beyond the market; doubled: the same at twice the costs.",
    ),
)
"""Columns that not every run has, and what is said of them below the table."""


def print_leaderboard(console: Console, manager: BacktestPersistenceManager, run_id: str) -> str:
    """Print the leaderboard of a run, and what it compares; return the folder of its reports.

    A run without one prints nothing, and has no folder: "".
    """
    ranking, scope = manager.get_leaderboard(run_id), manager.get_leaderboard_scope(run_id)
    if scope is None:
        return ""
    console.print("\nLeaderboard", style="bold")
    for line in build_caption(scope, ranking, manager.count_trials(scope)):
        print_wrapped(console, line)
    _print_ranking(console, ranking)
    shared = bool(manager.is_leaderboard_shared(run_id))
    if not shared:
        line = "Kept apart: the shared leaderboard is of more of its universe, and stays."
        print_wrapped(console, line, style="yellow")
    return name_folder(scope, shared=shared)


def _print_ranking(console: Console, ranking: "pl.DataFrame") -> None:
    """Print the ranking as a table; a value that is undefined is a dash.

    Where the terminal is too narrow for it, columns go on in a second table below; those that
    not every run has are shown where they fit beside the others, and named where they don't.
    """
    columns, said = _select_columns(ranking, console.width)
    for number, part in enumerate(_split_columns(columns, console.width)):
        if number:
            console.print()
        table = Table(box=None, padding=(0, 1, 0, 0), pad_edge=False)
        for column in part:
            table.add_column(column.heading, justify=column.justify, no_wrap=True)
        for row in zip(*(column.cells for column in part), strict=True):
            table.add_row(*row)
        console.print(table)
    print_wrapped(
        console,
        "ranked: symbols with enough closed trades; Sharpe, return and yearly are their medians. "
        "worst: deepest drawdown. beats: share of symbols that did better than holding. No rank: "
        "fewer than half are ranked.",
        style="dim",
    )
    for line in said:
        print_wrapped(console, line, style="dim")
    if stale := ranking["stale_symbols"].sum():
        line = f"{stale} results are stale: an older version of their strategy's code made them."
        print_wrapped(console, line, style="yellow")


def _select_columns(ranking: "pl.DataFrame", width: int) -> "tuple[list[_Column], list[str]]":
    """Return the columns to show, and what is said of those that not every run has."""
    columns, said, left = _build_columns(ranking, _COLUMNS), list[str](), list[str]()
    for names, line in _BESIDE:
        more = _build_columns(ranking, names)
        if all(ranking[name].is_null().all() for name in names):
            continue
        if _measure([*columns, *more]) <= width:
            columns, said = [*columns, *more], [*said, line]
        else:
            left += [one.heading for one in more]
    if left:
        said.append(f"Not shown for lack of room, and in leaderboard.csv: {', '.join(left)}.")
    return columns, said


@dataclass(frozen=True)
class _Column:
    heading: str
    cells: list[str]
    justify: Literal["left", "right"]

    @property
    def width(self) -> int:
        """Characters, and one of space."""
        return max(map(len, [self.heading, *self.cells])) + 1


def _build_columns(ranking: "pl.DataFrame", shown: Mapping[str, tuple[str, str]]) -> list[_Column]:
    return [
        _Column(
            heading,
            [_format_cell(value, form) for value in ranking[name]],
            justify="left" if name in {"strategy", "verdict"} else "right",
        )
        for name, (heading, form) in shown.items()
    ]


def _measure(columns: Sequence[_Column]) -> int:
    return sum(column.width for column in columns) - 1


def _split_columns(columns: Sequence[_Column], width: int) -> Iterator[list[_Column]]:
    """Yield the columns of tables that are no wider than `width`; each has the first two."""
    fixed, rest = list(columns[:_REPEATED]), deque(columns[_REPEATED:])
    while rest:
        part = [*fixed, rest.popleft()]
        while rest and _measure([*part, rest[0]]) <= width:
            part.append(rest.popleft())
        yield part


def print_failures(console: Console, failures: Sequence[Mapping[str, Any]]) -> None:
    """Print how many failures there were, and the first few."""
    if not failures:
        return
    symbols = {failure["symbol"] for failure in failures}
    console.print(f"\n{len(symbols)} symbols failed:", style="yellow")
    for failure in failures[:_FAILURES_SHOWN]:
        line = f"  {failure['stage']}: {name_failed(failure, failure['message'])}"
        print_wrapped(console, line, indent=4, style="yellow")
    if len(failures) > _FAILURES_SHOWN:
        rest = len(failures) - _FAILURES_SHOWN
        console.print(f"  and {rest} more, in the table failures", style="yellow")


def print_checks(console: Console, broken: Sequence[dg.AssetCheckEvaluation]) -> None:
    """Print the checks that did not pass, what they found, and what to do.

    What a check found of several strategies alike is printed once.
    """
    alike: dict[tuple[str, str | None], list[dg.AssetCheckEvaluation]] = defaultdict(list)
    for one in broken:
        alike[one.check_name, one.description].append(one)
    for (name, description), checks in alike.items():
        error = checks[0].severity == dg.AssetCheckSeverity.ERROR
        style, kind = ("red", "failed") if error else ("yellow", "warns")
        assets = checks[0].asset_key.to_user_string()
        more = f" and {len(checks) - 1} more assets" if len(checks) > 1 else ""
        lines = [f"\nCheck {name} of {assets}{more} {kind}: {description}"]
        found = checks[0].metadata
        # Failed symbols are printed by themselves.
        if "offenders" in found and "failures" not in found:
            lines += [f"  {line}" for line in str(found["offenders"].value).splitlines()]
        if "guidance" in found:
            lines.append(f"  What to do: {found['guidance'].value}")
        print_wrapped(console, "\n".join(lines), indent=4, style=style)


def print_places(
    console: Console, resources: Mapping[str, Any], log: Path, leaderboard: str
) -> None:
    """Print where the run's data is; what is below the current folder, relative to it.

    `leaderboard` is the folder of its files among the reports.
    """
    reports = resources["reports"]
    places = {
        "results": resources["result_store"].describe(),
        "prices": resources["price_store"].root,
        "equity curves": resources["backtest_files"].root,
        "leaderboard": reports.path_of(leaderboard),
        "log": str(log),
    }
    console.print()
    for what, where in places.items():
        shown = redact_address(where).replace(f"{Path.cwd()}/", "")
        print_as_it_is(console, f"{what:<14} {shown}")


def _format_cell(value: float | str | None, form: str) -> str:
    return "-" if value is None else unsign(form.format(value))
