"""What the page of failures shows."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from reports.inputs.run_data import RunData


@dataclass(frozen=True)
class FailuresInputs:
    """What failed.

    Parameters
    ----------
    failures
        Of the run, by the columns of `resources.result_store.models.FailureRow`.
    kinds
        How many there are by stage and class of error, most first.
    missing
        The symbols listed in the window that the leaderboard lacks a result of, each with how many
        strategies have none.
    """

    failures: Sequence[Mapping[str, Any]]
    kinds: Sequence[tuple[str, str, int]]
    missing: Sequence[tuple[str, int]]


def load_failures(data: RunData) -> FailuresInputs:
    """Return what failed in a run, and what its leaderboard lacks."""
    failures = data.stores.results.get_failures(data.run_id)
    counts = Counter((one["stage"], one["error_class"]) for one in failures)
    ordered = sorted(counts.items(), key=lambda one: (-one[1], one[0]))
    found = Counter(data.backtests["symbol"])
    wanted = len(data.scope.strategies)
    return FailuresInputs(
        failures=failures,
        kinds=[(stage, kind, count) for (stage, kind), count in ordered],
        missing=[
            (symbol, wanted - found[symbol])
            for symbol in data.scope.universe
            if found[symbol] < wanted and data.is_listed(symbol)
        ],
    )
