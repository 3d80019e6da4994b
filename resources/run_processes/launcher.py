"""The run launcher of dagster.yaml: runs are processes of the code server's machine."""

import os
import signal
from collections.abc import Mapping
from contextlib import suppress
from typing import Any, Self

import dagster as dg
from dagster._core.errors import DagsterUserCodeUnreachableError
from dagster._core.launcher import CheckRunHealthResult, LaunchRunContext, WorkerStatus
from dagster._core.launcher.default_run_launcher import DefaultRunLauncher
from dagster._core.storage.tags import GRPC_INFO_TAG
from dagster._serdes import ConfigurableClassData

from resources.run_processes.dead_runs import end_if_dead, get_claims


class LocalRunLauncher(DefaultRunLauncher):
    """Dagster's default launcher, which also knows whether a run's process is gone."""

    @classmethod
    def from_config_value(
        cls, inst_data: ConfigurableClassData, config_value: Mapping[str, Any]
    ) -> Self:
        """Return the launcher that dagster.yaml describes; it has no settings."""
        return cls(inst_data=inst_data, **config_value)

    def launch_run(self, context: LaunchRunContext) -> None:
        """Start a run's process, noting whose child it will be until it claims the run itself."""
        get_claims(self._instance).hold_for_start(context.dagster_run.run_id)
        super().launch_run(context)

    @property
    def supports_check_run_worker_health(self) -> bool:
        """Return True: Dagster's run monitoring asks for each run in progress."""
        return True

    def check_run_worker_health(self, run: dg.DagsterRun) -> CheckRunHealthResult:
        """Return NOT_FOUND for a run whose process is gone, once it is reported as failed.

        A run of which nothing is known counts as running: run monitoring fails all others.
        """
        if end_if_dead(self._instance, run.run_id):
            return CheckRunHealthResult(WorkerStatus.NOT_FOUND, "The run's process is gone.")
        return CheckRunHealthResult(WorkerStatus.RUNNING)

    def terminate(self, run_id: str) -> bool:
        """Cancel a run; one whose process is gone is canceled at once.

        The process of a run that no code server started, as that of `make run`, or whose code
        server is gone, is interrupted as by Ctrl-C. Dagster would call its run canceled after a
        minute, while it went on.
        """
        run = self._instance.get_run_by_id(run_id) if self.has_instance else None
        if run is None or run.is_finished:
            return False
        claims = get_claims(self._instance)
        if claims.is_dead(run_id):
            self._instance.report_run_canceling(run)
            return end_if_dead(self._instance, run_id) is not None
        process = claims.find_holder(run_id)
        if process is None:
            return super().terminate(run_id)
        if GRPC_INFO_TAG not in run.tags:
            self._instance.report_run_canceling(run)
        else:
            with suppress(DagsterUserCodeUnreachableError):
                if super().terminate(run_id):
                    return True
        if process.is_alive():
            os.kill(process.pid, signal.SIGINT)
        return True
