"""What stands beside a leaderboard wherever it is shown: what it compares, and when it was made."""

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from engine.costs import describe_costs
from engine.settings import BacktestSettings
from research.leaderboard_scope import LeaderboardScope
from research.purpose import Purpose
from strategies.registry import registered_strategies

if TYPE_CHECKING:
    import polars as pl

# Said by the costs, the source and by what the results are, not by what a run was told.
_NOT_SHOWN = frozenset({"fees", "slippage", "costs", "price_basis", "warmup_days"})


def describe_source(source: str) -> str:
    """Return what prices are of; made-up ones say so."""
    if source == "synthetic":
        return "synthetic prices (made up, of no market)"
    return f"prices of source {source}"


def describe_changes(scope: LeaderboardScope) -> str:
    """Return the settings and parameters that are not the defaults, costs apart; "" if none."""
    return ", ".join([*_list_changed_settings(scope.settings), *_list_changed_parameters(scope)])


def describe_coverage(board: "pl.DataFrame") -> str:
    """Return of how many symbols of its universe a leaderboard is."""
    return f"{board['covered_symbols'][0]} of {board['universe_symbols'][0]} symbols"


def describe_tries(board: "pl.DataFrame", trials: int) -> str:
    """Return of how many the first of a leaderboard is the best: one of many is by luck."""
    return f"best of {board.height} strategies and {trials:,} trials"


def build_caption(
    scope: LeaderboardScope, board: "pl.DataFrame", trials: int | None = None
) -> list[str]:
    """Return the lines of the caption: source and window, symbols and costs, when, and changes.

    Parameters
    ----------
    board
        Of `scope`, with `research.ranking.LEADERBOARD_SCHEMA`; at least one row.
    trials
        How many were tried on its source, window and symbols; None leaves them out.
    """
    kind = "what-if: " if scope.purpose is Purpose.WHAT_IF else ""
    prices = f"{kind}{describe_source(scope.source)}, {scope.start_date} to {scope.end_date}"
    costs = describe_costs(scope.settings)
    made = f"made {board['made_at'][0]:%Y-%m-%d %H:%M} UTC"
    changes = describe_changes(scope)
    return [
        prices,
        f"{describe_coverage(board)}; {costs}; {made}",
        *([] if trials is None else [f"rank 1 is the {describe_tries(board, trials)}"]),
        *([f"not the defaults: {changes}"] if changes else []),
    ]


def _list_changed_settings(settings: Mapping[str, Any]) -> Iterator[str]:
    defaults = BacktestSettings().as_dict()
    for name, value in settings.items():
        if name not in _NOT_SHOWN and value != defaults.get(name):
            yield f"{name} {value}"


def _list_changed_parameters(scope: LeaderboardScope) -> Iterator[str]:
    known = registered_strategies()
    for name, ranked in scope.strategies.items():
        defaults = known[name]().parameters() if name in known else {}
        for parameter, value in ranked.parameters.items():
            if value != defaults.get(parameter):
                yield f"{name} {parameter} {value}"
