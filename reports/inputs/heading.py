"""What stands on every page: which run it is of, on which data, costs and code."""

from collections.abc import Mapping
from dataclasses import dataclass

from engine.code_version import gauntlet_version
from engine.costs import describe_costs
from reports.inputs.run_data import RunData
from reports.numbers import show_text
from research.leaderboard_caption import (
    build_caption,
    describe_coverage,
    describe_source,
)
from research.trials import combine_data_versions

_VERSION_DIGITS = 12


@dataclass(frozen=True)
class Heading:
    """What stands on every page.

    Parameters
    ----------
    line
        In one line: prices and window.
    facts
        By name: run, window, source, costs, versions of data and code.
    caption
        As it stands above the leaderboard wherever that is shown.
    """

    line: str
    facts: Mapping[str, str]
    caption: tuple[str, ...]


def build_heading(data: RunData) -> Heading:
    """Return what stands on every page of a report."""
    scope, board, backtests = data.scope, data.board, data.backtests
    versions = backtests.select("symbol", "data_version").unique().rows()
    codes = {name: one.code_version for name, one in scope.strategies.items()}
    window = f"{scope.start_date} to {scope.end_date}"
    facts = {
        "Run": data.run_id,
        "Made": show_text(board["made_at"][0]),
        "Prices": describe_source(scope.source),
        "Window": window,
        "Symbols": describe_coverage(board),
        "Costs": describe_costs(scope.settings),
        "Data version": combine_data_versions(versions)[:_VERSION_DIGITS],
        "Code version": combine_data_versions(codes.items())[:_VERSION_DIGITS],
        "Gauntlet": gauntlet_version(),
    }
    return Heading(
        f"{describe_source(scope.source)}, {window}", facts, tuple(build_caption(scope, board))
    )
