"""A run whose checks could not be evaluated is repaired by re-executing it from failure."""

import dagster as dg

from assets.checks.catalogue import THRESHOLD_CHECKS
from tests.project import Project

_PROJECT: list[Project] = []
ONE = {"dagster/partition": "S00"}


def prices_job() -> dg.JobDefinition:
    """Return the job by its name, which a re-execution needs."""
    job = dg.define_asset_job("prices_job", dg.AssetSelection.assets("prices"))
    definitions = dg.Definitions.merge(_PROJECT[0].definitions(), dg.Definitions(jobs=[job]))
    return definitions.resolve_job_def("prices_job")


def _rename(project: Project, old: str, new: str) -> None:
    with project.manager.engine.begin() as connection:
        connection.exec_driver_sql(f"ALTER TABLE {old} RENAME TO {new}")


def test_reexecuted_checks_use_the_profile_of_the_original_run(project: Project):
    _PROJECT[:] = [project]
    job = dg.reconstructable(prices_job)
    # Only the checks read this table: there are no failures to record.
    _rename(project, "failures", "failures_away")
    with dg.execute_job(
        job, instance=project.instance, tags=ONE, raise_on_error=False
    ) as interrupted:
        assert not interrupted.success
    assert project.materialized("prices") == {"S00"}
    _rename(project, "failures_away", "failures")
    options = dg.ReexecutionOptions.from_failure(interrupted.run_id, project.instance)
    with dg.execute_job(
        job, instance=project.instance, tags=ONE, reexecution_options=options
    ) as again:
        assert again.success
        checks = {
            event.asset_check_evaluation_data.check_name: event.asset_check_evaluation_data
            for event in again.all_events
            if event.event_type == dg.DagsterEventType.ASSET_CHECK_EVALUATION
        }
    assert set(checks) == {check.name for check in THRESHOLD_CHECKS["prices"]}
    assert all(check.passed for check in checks.values())
    check = checks["success_rate_above_threshold"]
    assert check.metadata["measured"].value == 1.0
