"""What strategies are worth at twice the costs, where the run has tested it."""

from collections.abc import Sequence
from typing import TYPE_CHECKING
from uuid import UUID

from assets.asset_keys import ROBUSTNESS

if TYPE_CHECKING:
    from resources.result_store.manager import BacktestPersistenceManager
    from resources.run_artifacts.research_files import ResearchFiles


def find_doubled_costs(
    manager: "BacktestPersistenceManager", files: "ResearchFiles", run_ids: Sequence[str]
) -> dict[str, tuple[float | None, float | None]]:
    """Return the Sharpe ratios beyond the market by strategy: as costs are, and at twice as much.

    Parameters
    ----------
    run_ids
        Of a run and of those that it re-executes, newest first: the first that tested robustness
        counts, as it was of the same settings. Without any, there are none.
    """
    for run_id in run_ids:
        run = manager.get_run(run_id)
        tested = run["profile"].get(ROBUSTNESS) if run else None
        if tested:
            found = {name: files.find(name, UUID(one)) for name, one in tested["files"].items()}
            return {
                name: (one["own"]["annual_sharpe"], one["doubled_costs"]["annual_sharpe"])
                for name, one in found.items()
                if one
            }
    return {}
