"""What a run's stages did, as rows of the result store: profiles and failures."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

import dagster as dg

from engine.failure import Failure
from engine.settings import Window
from research.audit.stage_profile import StageProfile
from research.purpose import Purpose
from resources.result_store.resource import ResultStore
from resources.universe import Universe

Profile = TypeVar("Profile", bound=StageProfile)


@dataclass(frozen=True)
class RunRecords:
    """Records what the stages of a run did, on which source and window, in which universe.

    `purpose` is what the run is for. `user` is for whom; without one, whom its tag `user` names.
    """

    result_store: ResultStore
    source: str
    window: Window
    universe: Universe | None = None
    purpose: Purpose = Purpose.PIPELINE
    user: str | None = None

    def record(
        self,
        run: dg.DagsterRun,
        stage: str,
        profile: StageProfile | None,
        failures: Sequence[Failure],
    ) -> None:
        """Record a stage's profile, and one failure per symbol and strategy that failed in it.

        Without a profile the stage is recorded as one that has begun.
        """
        attempted = {
            "source": self.source,
            "start_date": self.window.start,
            "end_date": self.window.end,
        }
        manager = self.result_store.manager()
        manager.record_run(
            run.run_id,
            purpose=self.purpose,
            run_user=self.user or run.tags.get("user"),
            profile={stage: profile.to_json() if profile else {}},
            universe=self.universe,
            **attempted,
        )
        manager.record_failures(run.run_id, failures, stage=stage, **attempted)


def read_profile(
    store: ResultStore, run_id: str, stage: str, kind: type[Profile]
) -> Profile | None:
    """Return the profile that a run recorded of a stage; None if it recorded none of this kind."""
    run = store.manager().get_run(run_id)
    return kind.from_stored(run["profile"].get(stage)) if run else None


def read_recent_profiles(
    store: ResultStore, stage: str, kind: type[Profile], limit: int = 20
) -> dict[str, Profile]:
    """Return what the newest runs recorded of a stage by run, newest first."""
    rows = store.manager().get_stage_history(stage, limit)
    profiles = {row["run_id"]: kind.from_stored(row["profile"]) for row in rows}
    return {run_id: profile for run_id, profile in profiles.items() if profile is not None}
