"""Statuses of partitions where Dagster's own would be untrue: real runs, on each storage."""

from pathlib import Path
from typing import Any

import dagster as dg

from resources.dagster_event_log.read_status import PartitionStatus, read_partition_status
from tests.instances import STOCK, opened
from tests.resources.dagster_event_log.graph import DERIVED, KEYS, SOURCE, run, statuses

ALL, NONE = frozenset("ABCD"), frozenset[str]()
C = {"dagster/partition": "C"}


def _status(instance: dg.DagsterInstance, version: str = "7") -> PartitionStatus:
    """Return the status of `source`, as definitions with a code version show it."""

    @dg.asset(key=SOURCE, partitions_def=KEYS, code_version=version)
    def again() -> None:
        pass

    graph = dg.Definitions([again]).resolve_asset_graph()
    return read_partition_status(instance, graph)[SOURCE]


def _night(instance: dg.DagsterInstance, **script: Any) -> dg.ExecuteInProcessResult:
    result = run(instance, job_name="unbroken", **script)
    assert result.success
    return result


def test_what_failed_after_a_full_success_is_failed(instance: dg.DagsterInstance):
    assert _status(instance) == PartitionStatus(NONE, NONE, ALL)
    _night(instance)
    assert _status(instance) == PartitionStatus(ALL, NONE, NONE)
    second = _night(instance, bad=["A", "C"])
    assert _status(instance) == PartitionStatus(frozenset("BD"), frozenset("AC"), NONE)
    assert statuses(instance)["source"]["failed"] == set("AC"), "without a graph as well"
    page = instance.fetch_failed_materializations(SOURCE, limit=5)
    assert [(one.run_id, one.partition_key) for one in page.records] == [
        (second.run_id, "C"),
        (second.run_id, "A"),
    ]
    event = page.records[0].event_log_entry.dagster_event
    assert event
    failure = event.asset_failed_to_materialize_data.asset_materialization_failure
    assert failure.description == "ToyError: told to fail"
    _night(instance, tags=C)
    assert _status(instance) == PartitionStatus(frozenset("BCD"), frozenset("A"), NONE)


def test_a_failed_partition_stays_failed_until_it_is_made(instance: dg.DagsterInstance):
    _night(instance, bad=["C"])
    assert _status(instance) == PartitionStatus(frozenset("ABD"), frozenset("C"), NONE)
    canceled = run(instance, job_name="unbroken", tags=C, bad=["C"])
    instance.report_run_canceled(canceled.dagster_run)
    assert _status(instance).failed == frozenset("C")
    instance.wipe_assets([SOURCE])
    assert _status(instance) == PartitionStatus(NONE, NONE, ALL)


def test_partitions_of_another_source_are_missing(instance: dg.DagsterInstance):
    _night(instance)
    assert _status(instance, "7@toy") == PartitionStatus(ALL, NONE, NONE)
    assert _status(instance, "7@other") == PartitionStatus(NONE, NONE, ALL)
    _night(instance, prices="other", bad=["A"])
    _night(instance, tags={"dagster/partition": "B"})
    only = frozenset
    assert _status(instance, "7@other") == PartitionStatus(only("CD"), only("A"), only("B"))
    assert _status(instance, "7@toy") == PartitionStatus(only("B"), only("A"), only("CD"))
    assert _status(instance, "7") == PartitionStatus(only("BCD"), only("A"), NONE)


def test_a_partition_reported_by_hand_is_of_every_source(instance: dg.DagsterInstance):
    instance.report_runless_asset_event(dg.AssetMaterialization(SOURCE, partition="B"))
    assert _status(instance, "7@toy").materialized == frozenset("B")


def test_an_asset_without_versions_is_left_alone(instance: dg.DagsterInstance):
    _night(instance)
    graph = dg.Definitions([dg.AssetSpec(DERIVED, partitions_def=KEYS)]).resolve_asset_graph()
    assert read_partition_status(instance, graph) == {}, "it can't be materialized there"
    assert statuses(instance)["derived"]["materialized"] == ALL


def test_dagsters_storage_still_shows_what_failed_as_good(tmp_path: Path):
    """If this fails, Dagster itself may do what `partition_status` does: read its release notes."""
    with opened(tmp_path, STOCK) as instance:
        _night(instance)
        _night(instance, bad=["C"])
        assert _status(instance) == PartitionStatus(ALL, NONE, NONE)
        assert not instance.fetch_failed_materializations(SOURCE, limit=5).records
