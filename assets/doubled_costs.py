"""What strategies are worth at twice the costs, where it has been tested."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any
from uuid import UUID

from assets.asset_keys import ROBUSTNESS

if TYPE_CHECKING:
    from research.leaderboard_scope import LeaderboardScope
    from resources.result_store.manager import BacktestPersistenceManager
    from resources.run_artifacts.research_files import ResearchFiles


def find_doubled_costs(
    manager: "BacktestPersistenceManager",
    files: "ResearchFiles",
    scope: "LeaderboardScope",
    versions: Mapping[str, str],
    run_ids: Sequence[str] | None,
) -> dict[str, tuple[float | None, float | None]]:
    """Return the Sharpe ratios beyond the market by strategy: as costs are, and at twice as much.

    Those of some runs, or else of the newest run that tested robustness on the same universe,
    window and settings; strategies with other parameters or by another version of the code are
    missing.

    Parameters
    ----------
    versions
        Of the code of the tests, by strategy: `research.protocol_version.robustness_version`.
    run_ids
        Only tests of these runs, the newest of them that has any; None for those of any.
    """
    tested = _find_tested(manager, scope, run_ids)
    found = {
        name: files.find(name, UUID(one))
        for name, one in tested.items()
        if name in scope.strategies
    }
    return {
        name: (one["own"]["annual_sharpe"], one["doubled_costs"]["annual_sharpe"])
        for name, one in found.items()
        if one
        and one.get("version") == versions[name]
        and one["parameters"] == dict(scope.strategies[name].parameters)
    }


def _find_tested(
    manager: "BacktestPersistenceManager",
    scope: "LeaderboardScope",
    run_ids: Sequence[str] | None,
) -> Mapping[str, Any]:
    """Return the identity of the file of each strategy."""
    if run_ids is not None:
        runs = filter(None, map(manager.get_run, run_ids))
        profiles = (run["profile"].get(ROBUSTNESS) for run in runs)
        return next((one["files"] for one in profiles if one), {})
    alike = set(manager.find_trial_scopes(scope))
    history = [one["profile"] for one in manager.get_stage_history(ROBUSTNESS)]
    return next((one["files"] for one in history if one and one.get("scope") in alike), {})
