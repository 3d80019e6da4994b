"""Partitions that a step reports, and those that the next step finds: toy assets, real runs."""

from collections.abc import Callable
from pathlib import Path

import dagster as dg
import pytest

from assets.partitions.partition_reporting import (
    MaterializedPartition,
    StepOutcome,
    report_partitions,
)
from assets.partitions.upstream import find_upstream

KEYS = dg.StaticPartitionsDefinition(["A", "B", "C"])
UPSTREAM = dg.AssetKey("upstream")
POLICY = dg.BackfillPolicy.single_run()
RANGE = {
    "dagster/asset_partition_range_start": "A",
    "dagster/asset_partition_range_end": "C",
}


class Script(dg.ConfigurableResource):
    """What the toy assets do, as files, which a re-execution sees from its own process."""

    folder: str
    source: str = "toy"

    def has(self, name: str) -> bool:
        return (Path(self.folder) / name).exists()


@dg.asset(partitions_def=KEYS, backfill_policy=POLICY, code_version="7")
def upstream(context: dg.AssetExecutionContext, script: Script):
    if script.has("report_b_by_hand"):
        context.instance.report_runless_asset_event(
            dg.AssetMaterialization(UPSTREAM, partition="B")
        )
    if script.has("break_upstream"):
        raise dg.Failure("scripted to break", allow_retries=False)
    made = {
        key: MaterializedPartition(f"version of {key}", {"of": key})
        for key in context.partition_keys
        if not script.has(f"fail_{key}")
    }
    yield from report_partitions(context, StepOutcome(script.source, {UPSTREAM: made}))


@dg.asset(deps=[UPSTREAM], partitions_def=KEYS, backfill_policy=POLICY)
def downstream(context: dg.AssetExecutionContext, script: Script) -> dg.MaterializeResult:
    if script.has("fail_downstream"):
        raise dg.Failure("scripted to fail", allow_retries=False)
    found = find_upstream(context, UPSTREAM, context.partition_keys, script.source)
    return dg.MaterializeResult(metadata={"runs": {key: one.run_id for key, one in found.items()}})


JOB = dg.define_asset_job("everything", dg.AssetSelection.all())
ALONE = dg.define_asset_job("alone", dg.AssetSelection.assets(downstream))


def _definitions(folder: str) -> dg.Definitions:
    return dg.Definitions(
        assets=[upstream, downstream],
        jobs=[JOB, ALONE],
        resources={"script": Script(folder=folder)},
        executor=dg.in_process_executor,
    )


@pytest.fixture
def instance(tmp_path: Path):
    folder = tmp_path / "dagster"
    folder.mkdir()
    quiet = {"telemetry": {"enabled": False}}
    with dg.DagsterInstance.local_temp(str(folder), overrides=quiet) as opened:
        yield opened


def _run(instance: dg.DagsterInstance, folder: Path, job: str = "everything"):
    definition = _definitions(str(folder)).resolve_job_def(job)
    return definition.execute_in_process(instance=instance, tags=RANGE, raise_on_error=False)


def _seen(result: dg.ExecuteInProcessResult) -> object:
    return result.asset_materializations_for_node("downstream")[0].metadata["runs"].value


def _order(folder: Path, *names: str) -> None:
    for name in names:
        (folder / name).touch()


def test_each_partition_is_materialized_with_its_own_metadata(instance, tmp_path: Path):
    result = _run(instance, tmp_path)
    events = result.asset_materializations_for_node("upstream")
    assert {event.partition: event.metadata["of"].value for event in events} == {
        "A": "A",
        "B": "B",
        "C": "C",
    }
    assert _seen(result) == dict.fromkeys("ABC", result.run_id)


def test_a_failed_partition_is_missing_and_downstream_omits_it(instance, tmp_path: Path):
    _order(tmp_path, "fail_B")
    result = _run(instance, tmp_path)
    assert result.success
    assert instance.get_materialized_partitions(UPSTREAM) == {"A", "C"}
    assert _seen(result) == dict.fromkeys("AC", result.run_id)


def test_a_partition_reported_during_the_run_is_not_used(instance, tmp_path: Path):
    _order(tmp_path, "fail_B", "report_b_by_hand")
    result = _run(instance, tmp_path)
    assert instance.get_materialized_partitions(UPSTREAM) == {"A", "B", "C"}
    assert _seen(result) == dict.fromkeys("AC", result.run_id)


def test_a_partition_of_an_earlier_run_is_not_used(instance, tmp_path: Path):
    _run(instance, tmp_path)
    _order(tmp_path, "fail_B")
    result = _run(instance, tmp_path)
    assert _seen(result) == dict.fromkeys("AC", result.run_id)


def test_downstream_alone_uses_the_newest_materializations(instance, tmp_path: Path):
    first = _run(instance, tmp_path)
    _order(tmp_path, "fail_B")
    second = _run(instance, tmp_path)
    assert _seen(_run(instance, tmp_path, "alone")) == {
        "A": second.run_id,
        "B": first.run_id,
        "C": second.run_id,
    }


_FOLDER: list[Path] = []


def resumed_job() -> dg.JobDefinition:
    return _definitions(str(_FOLDER[0])).resolve_job_def("everything")


def repeated_job() -> dg.JobDefinition:
    # A second one: Dagster keeps what each of these functions returned, with a test's folder.
    return _definitions(str(_FOLDER[0])).resolve_job_def("everything")


def _execute(
    instance: dg.DagsterInstance,
    job: Callable[[], dg.JobDefinition],
    options: dg.ReexecutionOptions | None = None,
    *,
    succeeds: bool,
) -> str:
    with dg.execute_job(
        dg.reconstructable(job),
        instance=instance,
        tags=RANGE,
        reexecution_options=options,
        raise_on_error=False,
    ) as result:
        assert result.success == succeeds
    return result.run_id


def test_a_reexecution_uses_partitions_of_the_runs_it_repeats(instance, tmp_path: Path):
    _FOLDER[:] = [tmp_path]
    _order(tmp_path, "fail_A", "fail_B", "fail_C", "break_upstream", "fail_downstream")
    first = _execute(instance, resumed_job, succeeds=False)
    for name in ("fail_A", "fail_C", "break_upstream"):
        (tmp_path / name).unlink()
    from_failure = dg.ReexecutionOptions.from_failure
    made_it = _execute(instance, resumed_job, from_failure(first, instance), succeeds=False)
    again = _execute(instance, resumed_job, from_failure(made_it, instance), succeeds=False)
    (tmp_path / "fail_downstream").unlink()
    _execute(instance, resumed_job, from_failure(again, instance), succeeds=True)
    assert _newest_seen(instance) == dict.fromkeys("AC", made_it)


def test_a_reexecution_of_all_steps_uses_only_its_own(instance, tmp_path: Path):
    _FOLDER[:] = [tmp_path]
    first = _execute(instance, repeated_job, succeeds=True)
    _order(tmp_path, "fail_B")
    again = _execute(instance, repeated_job, dg.ReexecutionOptions(first), succeeds=True)
    assert _newest_seen(instance) == dict.fromkeys("AC", again)
    alone = dg.ReexecutionOptions(again, step_selection=["downstream"])
    _execute(instance, repeated_job, alone, succeeds=True)
    assert _newest_seen(instance) == dict.fromkeys("AC", again), "not of the first run"


def _newest_seen(instance: dg.DagsterInstance) -> object:
    record = instance.fetch_materializations(dg.AssetKey("downstream"), limit=1).records[0]
    assert record.asset_materialization is not None
    return record.asset_materialization.metadata["runs"].value
