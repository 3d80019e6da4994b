"""The run launcher of deploy/celery.yaml: runs are executed by warm workers behind a broker."""

from collections.abc import Mapping
from typing import Any, Self

import dagster as dg
from dagster._core.launcher import CheckRunHealthResult, LaunchRunContext, WorkerStatus
from dagster._core.remote_representation.code_location import (
    CodeLocation,
    GrpcServerCodeLocation,
)
from dagster._core.workspace.context import BaseWorkspaceRequestContext, WorkspaceProcessContext
from dagster._serdes import ConfigurableClassData
from dagster_celery.launcher import CeleryRunLauncher
from dagster_celery.tags import DAGSTER_CELERY_QUEUE_TAG, DAGSTER_CELERY_TASK_ID_TAG
from kombu.exceptions import OperationalError

from resources.celery_workers.app import BROKER_VARIABLE, TASK, build_settings, get_queue
from resources.celery_workers.edition import EDITION_KEY
from resources.redaction import redact_address
from resources.run_processes.dead_runs import end_if_dead, get_claims
from strategies.errors import GauntletError

EDITION_TAG = EDITION_KEY
"""The tag of a run that says which workers may execute it."""


class LaunchError(GauntletError):
    """A run could not be handed to the workers; the text says why."""


class WarmWorkerLauncher(CeleryRunLauncher):
    """Dagster's launcher for Celery, with Redis and with workers of the run's own edition.

    Parameters
    ----------
    broker
        URL of the Redis, for tasks and for their state.
    """

    def __init__(self, broker: str, inst_data: ConfigurableClassData | None = None) -> None:
        settings = build_settings(broker)
        super().__init__(
            default_queue="gauntlet",
            broker=broker,
            backend=broker,
            config_source=settings,
            inst_data=inst_data,
        )

    @classmethod
    def config_type(cls) -> Mapping[str, Any]:
        """Return the launcher's only setting in dagster.yaml."""
        return {"broker": dg.Field(dg.StringSource, description="URL of the Redis.")}

    @classmethod
    def from_config_value(
        cls, inst_data: ConfigurableClassData, config_value: Mapping[str, Any]
    ) -> Self:
        """Return the launcher that dagster.yaml describes."""
        return cls(inst_data=inst_data, **config_value)

    def launch_run(self, context: LaunchRunContext) -> None:
        """Hand a run to the workers of its code server's edition; raises LaunchError.

        The broker gets the id of the run and nothing else.
        """
        edition = _find_edition(context)
        tags = {EDITION_TAG: edition, DAGSTER_CELERY_QUEUE_TAG: get_queue(edition)}
        self._instance.add_run_tags(context.dagster_run.run_id, tags)
        run = context.dagster_run.with_tags({**context.dagster_run.tags, **tags})
        task = self.celery.signature(TASK, args=[run.run_id], immutable=True)
        try:
            self._launch_celery_task_run(run, task, TASK)  # pyright: ignore[reportArgumentType]
        except OperationalError as error:
            raise LaunchError(self._describe_broker(error)) from None

    def terminate(self, run_id: str) -> bool:
        """Cancel a run: its worker sees that within a second.

        One whose process is gone is canceled at once. Of runs that have not begun Dagster does not
        ask: it marks them as canceled if it is forced to, and no worker begins them then.
        """
        run = self._instance.get_run_by_id(run_id)
        if run is None or run.is_finished:
            return False
        if run.status != dg.DagsterRunStatus.CANCELING:
            self._instance.report_run_canceling(run)
        if get_claims(self._instance).is_dead(run_id):
            end_if_dead(self._instance, run_id)
        return True

    @property
    def supports_resume_run(self) -> bool:
        """Return False: a run whose worker died is started again as a run of its own."""
        return False

    def check_run_worker_health(self, run: dg.DagsterRun) -> CheckRunHealthResult:
        """Return NOT_FOUND for a run whose process is gone, FAILED for one that Celery lost.

        The first is known of processes of this machine, the second of all whose worker lives.
        While the broker can't be asked, a run counts as running: it does not need the broker.
        """
        if end_if_dead(self._instance, run.run_id):
            return CheckRunHealthResult(WorkerStatus.NOT_FOUND, "The run's process is gone.")
        if self._read_state(run) == "FAILURE":
            return CheckRunHealthResult(WorkerStatus.FAILED, "The run's process has died.")
        return CheckRunHealthResult(WorkerStatus.RUNNING)

    def get_run_worker_debug_info(
        self,
        run: dg.DagsterRun,
        include_container_logs: bool | None = True,  # noqa: ARG002
    ) -> str:
        """Return what to look at when a run was not begun, canceled or found."""
        return (
            f"Its workers are those of edition {run.tags.get(EDITION_TAG, 'unknown')}: is one "
            "running, and started after the last change of code or settings? docs/celery.md, "
            '"When a run does not start".'
        )

    def _read_state(self, run: dg.DagsterRun) -> str:
        task_id = run.tags.get(DAGSTER_CELERY_TASK_ID_TAG)
        if task_id is None:  # noted after the task was sent
            return "UNKNOWN"
        try:
            return self.celery.AsyncResult(task_id).state
        except Exception:  # noqa: BLE001 - whatever Celery, kombu and redis raise without a broker
            return "UNKNOWN"

    def _describe_broker(self, error: BaseException) -> str:
        return (
            f"The broker {redact_address(self.broker or '')} can't be reached, so that no worker "
            f"gets the run: {error}. See that Redis runs and {BROKER_VARIABLE} is right; then "
            "launch the run again."
        )


def _find_edition(context: LaunchRunContext) -> str:
    """Return the edition of the code server that a run comes from; raises LaunchError."""
    origin = context.dagster_run.remote_job_origin
    if origin and context.workspace:
        location = _get_current_location(context.workspace, origin.location_name)
        repository = location.get_repository(origin.repository_origin.repository_name)
        found = (repository.repository_snap.metadata or {}).get(EDITION_KEY)
        if found is not None:
            return str(found.value)
    raise LaunchError(
        f"The code location of run {context.dagster_run.run_id} does not say which edition it is: "
        "reload its definitions."
    )


def _get_current_location(workspace: BaseWorkspaceRequestContext, name: str) -> CodeLocation:
    """Return a code location as its server has it now.

    The daemon notices only after seconds that definitions were reloaded.
    """
    location, process = workspace.get_code_location(name), workspace.process_context
    if not isinstance(location, GrpcServerCodeLocation):
        return location
    if location.client.get_server_id() == location.server_id:
        return location
    if isinstance(process, WorkspaceProcessContext):
        process.refresh_code_location(name)
    return process.create_request_context().get_code_location(name)
