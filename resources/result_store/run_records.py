"""What a run's stages did, as rows of the result store: profiles and failures."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import dagster as dg

from engine.failure import Failure
from engine.settings import Window
from resources.result_store.resource import ResultStore
from resources.universe import Universe


@dataclass(frozen=True)
class RunLog:
    """Records what the stages of a run did, on which source and window, in which universe.

    `user` is for whom; without one, whom the run's tag `user` names.
    """

    result_store: ResultStore
    source: str
    window: Window
    universe: Universe | None = None
    user: str | None = None

    def record(
        self,
        run: dg.DagsterRun,
        stage: str,
        profile: Mapping[str, Any],
        failures: Sequence[Failure],
    ) -> None:
        """Record a stage's profile, and one failure a symbol and strategy that failed in it."""
        from resources.result_store.failures import SymbolFailure

        attempted = {
            "source": self.source,
            "start_date": self.window.start,
            "end_date": self.window.end,
        }
        manager = self.result_store.manager()
        manager.record_run(
            run.run_id,
            run_user=self.user or run.tags.get("user"),
            profile={stage: profile},
            universe=self.universe,
            **attempted,
        )
        rows = [
            SymbolFailure(
                stage=stage,
                symbol=failure.symbol,
                strategy=failure.strategy,
                error_class=failure.error_class,
                message=failure.message,
                transient=failure.transient,
                **attempted,
            )
            for failure in failures
        ]
        manager.record_failures(run.run_id, rows)


def recorded_profile(store: ResultStore, run_id: str, stage: str) -> dict[str, Any] | None:
    """Return the profile that a run recorded of a stage; None if it recorded none."""
    run = store.manager().get_run(run_id)
    return run["profile"].get(stage) if run else None


def recent_profiles(store: ResultStore, stage: str) -> list[dict[str, Any]]:
    """Return what the newest runs recorded of a stage, newest first."""
    return [row["profile"] for row in store.manager().get_stage_history(stage)]
