"""What the page of runs shows: what the last runs cost, and how fast they were."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from reports.inputs.run_data import RunData
from research.audit.stage_profile import StageProfile

STAGES = ("prices", "backtests", "backtest_summaries", "leaderboard")
"""The stages of a run that record what they cost, in their order."""

_RUNS = 20


@dataclass(frozen=True)
class RunCosts:
    """What a run did and cost.

    Parameters
    ----------
    stages
        What each stage recorded, by its name; those that the run had not are missing.
    failures
        How many symbols failed.
    """

    run_id: str
    purpose: str
    source: str
    window: str
    started_at: datetime
    stages: Mapping[str, StageProfile]
    failures: int

    @property
    def wall_seconds(self) -> float:
        """Of all stages."""
        return sum(one.wall_seconds for one in self.stages.values())

    @property
    def cpu_seconds(self) -> float:
        """Of all stages."""
        return sum(one.cpu_seconds for one in self.stages.values())

    @property
    def memory_mb(self) -> float:
        """The peak of all stages."""
        return max((one.memory_peak_mb for one in self.stages.values()), default=0.0)

    @property
    def symbols(self) -> int:
        """How many its largest stage asked for."""
        return max((one.requested for one in self.stages.values()), default=0)


def compute_throughput(profile: StageProfile) -> float | None:
    """Return the symbols per second of a stage; None where it took no measurable time."""
    return profile.succeeded / profile.wall_seconds if profile.wall_seconds else None


@dataclass(frozen=True)
class RunsInputs:
    """The last runs, oldest first; the one of the report is the last."""

    runs: Sequence[RunCosts]


def load_runs(data: RunData) -> RunsInputs:
    """Return the run of a report and those before it.

    Later ones are left out, so that the report of a run that is written again is the same.
    """
    results, until = data.stores.results, data.run["started_at"]
    known: dict[str, datetime] = {data.run_id: until}
    for stage in STAGES:
        found = results.get_stage_history(stage, limit=_RUNS, until=until)
        known |= {row["run_id"]: row["started_at"] for row in found}
    newest = sorted(known, key=lambda one: (known[one], one))[-_RUNS:]
    runs = (results.get_run(run_id) for run_id in newest)
    return RunsInputs([_describe(data, run) for run in runs if run is not None])


def _describe(data: RunData, run: Mapping[str, Any]) -> RunCosts:
    stored = {name: StageProfile.from_stored(run["profile"].get(name)) for name in STAGES}
    failures = data.stores.results.get_failures(run["run_id"])
    return RunCosts(
        run_id=run["run_id"],
        purpose=run["purpose"],
        source=run["source"],
        window=f"{run['start_date']} to {run['end_date']}",
        started_at=run["started_at"],
        stages={name: one for name, one in stored.items() if one is not None},
        failures=len({one["symbol"] for one in failures}),
    )
