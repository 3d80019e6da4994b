"""The sweep that a research step works from: that of this run, or the newest on the same inputs."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

import dagster as dg
import numpy as np

from assets.asset_keys import optimizations_key
from assets.partitions.upstream import fetch_materializations, is_part_of_this_run, trace_lineage
from assets.step_failure import StepFailedError
from engine.code_version import code_version
from research.fold_choices import TrialCurves
from research.trial_panel import TrialPanel
from research.trials import TrialScope, trial_id
from resources.run_artifacts.sweep_files import SweepFiles
from strategies.base import Strategy
from strategies.registry import get_strategy

# Usually the newest is the one, and each has its pictures with it.
_SWEEPS_AT_ONCE = 4


@dataclass(frozen=True)
class FoundSweep:
    """The points of a sweep, and their trials in the ledger, in the sweep's order."""

    strategy: str
    points: Sequence[Strategy]
    trials: Sequence[UUID]


def find_sweep(
    context: dg.AssetExecutionContext, files: SweepFiles, strategy: str, scope: TrialScope
) -> FoundSweep:
    """Return the sweep of a strategy on a scope, by the code that there is now.

    If `optimizations/<strategy>` is part of this run, only the sweep of this run counts, or of the
    run that it re-executes without that step; otherwise the newest on the same bars, window and
    settings.

    Raises
    ------
    StepFailedError
        When there is none.
    """
    key = optimizations_key(strategy)
    allowed = trace_lineage(context, key) if is_part_of_this_run(context, key) else None
    every = dg.AssetRecordsFilter(asset_key=key)
    for record in fetch_materializations(context.instance, every, page_size=_SWEEPS_AT_ONCE):
        made = record.asset_materialization
        if made is None or (allowed is not None and record.run_id not in allowed):
            continue
        of_scope, sweep = (made.metadata.get(name) for name in ("scope", "sweep"))
        if sweep is not None and of_scope is not None and of_scope.value == str(scope.identifier):
            try:
                rows = files.read_points(strategy, str(sweep.value))
            except FileNotFoundError:
                break
            kind = get_strategy(strategy)
            given, trials = [json.loads(text) for text in rows["parameters"]], rows["trial_id"]
            version = code_version(kind)
            # An identity says by which code: what was tried by another is chosen from by nobody.
            if [str(trial_id(scope, strategy, one, version)) for one in given] != trials.to_list():
                continue
            points = [kind.from_mapping(one) for one in given]
            return FoundSweep(strategy, points, [UUID(text) for text in trials])
    raise StepFailedError(
        f"There is no sweep of {strategy} on these prices, window and settings by this code: "
        f"materialize optimizations/{strategy} first."
    )


def select_curves(panel: TrialPanel, sweep: FoundSweep) -> TrialCurves:
    """Return the raw curves of a sweep's points, from what the ledger has of their residuals.

    Raises
    ------
    StepFailedError
        When the ledger lacks one.
    """
    place = {trial: number for number, trial in enumerate(panel.identifiers)}
    missing = [trial for trial in sweep.trials if trial not in place]
    if missing:
        raise StepFailedError(
            f"The ledger lacks {len(missing)} of {len(sweep.trials)} trials of the sweep of "
            f"{sweep.strategy}: materialize optimizations/{sweep.strategy} with ignore_cache."
        )
    rows = [place[trial] for trial in sweep.trials]
    market = panel.scope.market
    returns = panel.residuals[rows].astype(np.float64) + np.outer(panel.betas[rows], market)
    return TrialCurves(sweep.points, panel.scope.dates, returns, market)
