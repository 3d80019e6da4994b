"""What runs planned by one event per asset is read as what they planned by one per partition."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from tests.instances import STOCK, opened
from tests.resources.dagster_event_log.graph import (
    BROKEN,
    DERIVED,
    RANGE,
    SOURCE,
    WHOLE,
    run,
    statuses,
)

PLANNED = dg.DagsterEventType.ASSET_MATERIALIZATION_PLANNED
C = {"dagster/partition": "C"}
B_TO_C = dict(zip(RANGE, "BC", strict=True))
NIGHTS: list[dict[str, Any]] = [
    {"bad": ["C"]},
    {"tags": C},
    {"tags": B_TO_C, "job_name": "unbroken"},
    {"tags": C, "bad": ["C"]},
]


@contextmanager
def _by_partition(instance: dg.DagsterInstance) -> Iterator[None]:
    """Plan as Dagster does, an event per partition."""
    name = "supports_partition_subset_in_asset_materialization_planned_events"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(type(instance.event_log_storage), name, False)
        yield


def _read(instance: dg.DagsterInstance, runs: list[str]) -> dict[str, Any]:
    """Return all that is read of planned events, with runs by their turn."""
    storage = instance.event_log_storage
    turn = {run_id: number for number, run_id in enumerate(runs)}
    found: dict[str, Any] = {}
    for asset in (SOURCE, DERIVED, BROKEN, WHOLE):
        attempts = (
            storage.get_latest_asset_partition_materialization_attempts_without_materializations(
                asset
            )
        )
        newest = {
            one: storage.get_latest_planned_materialization_info(asset, one)
            for one in (None, "A", "B", "C", "D", "absent")
        }
        found[asset.to_user_string()] = {
            "attempts": {one: turn[run_id] for one, (run_id, _) in attempts.items()},
            "latest runs": {one: turn[of.run_id] if of else None for one, of in newest.items()},
            "planned": set(storage.get_latest_storage_id_by_partition(asset, PLANNED)),
            "planned of two": set(
                storage.get_latest_storage_id_by_partition(asset, PLANNED, partitions={"A", "C"})
            ),
        }
    return found


def _run_nights(instance: dg.DagsterInstance) -> list[str]:
    return [run(instance, **night).run_id for night in NIGHTS]


def test_all_that_is_read_equals_what_dagsters_storage_reads(
    instance: dg.DagsterInstance, tmp_path: Path
):
    with opened(tmp_path / "stock", STOCK) as stock:
        expected = _read(stock, _run_nights(stock))
    assert expected["broken"]["attempts"] == {"A": 0, "B": 0, "C": 3, "D": 0}
    assert expected["source"]["latest runs"] == dict(
        zip((None, *"ABCD", "absent"), (3, 0, 2, 3, 0, None), strict=True)
    )
    runs = _run_nights(instance)
    assert _read(instance, runs) == expected
    # One of source, derived and broken each, three of them twice or more often, and of whole.
    planned = [len(instance.all_logs(one, of_type=PLANNED)) for one in runs]
    assert planned == [4, 4, 3, 4]


@pytest.mark.parametrize("first", [0, 1])
def test_events_of_both_kinds_are_read_together(
    instance: dg.DagsterInstance, tmp_path: Path, first: int
):
    """The history of an earlier version has an event per partition."""
    with opened(tmp_path / "stock", STOCK) as stock:
        expected = _read(stock, _run_nights(stock))
    runs: list[str] = []
    for number, night in enumerate(NIGHTS):
        if number in (first, (first + 2) % len(NIGHTS)):
            with _by_partition(instance):
                runs.append(run(instance, **night).run_id)
        else:
            runs.append(run(instance, **night).run_id)
    assert _read(instance, runs) == expected


def test_what_was_planned_before_a_wipe_is_forgotten(instance: dg.DagsterInstance):
    wiped = run(instance, bad=["C"])
    instance.wipe_assets([SOURCE, BROKEN])
    found = _read(instance, [wiped.run_id])
    for name in ("source", "broken"):
        assert found[name]["attempts"] == {}
        assert found[name]["planned"] == set()
        assert found[name]["latest runs"]["A"] is None
    shown = statuses(instance)["broken"]
    assert not any(shown.values())


def test_only_what_is_newer_than_a_cursor_is_read(instance: dg.DagsterInstance):
    run(instance)
    storage = instance.event_log_storage
    newest = storage.get_latest_planned_materialization_info(BROKEN)
    assert newest is not None
    read = storage.get_latest_asset_partition_materialization_attempts_without_materializations
    assert read(BROKEN, newest.storage_id - 1).keys() == set("ABCD")
    assert read(BROKEN, newest.storage_id) == {}
    ids = storage.get_latest_storage_id_by_partition
    assert ids(BROKEN, PLANNED, after_cursor=newest.storage_id) == {}
    assert set(ids(BROKEN, PLANNED, after_cursor=newest.storage_id - 1)) == set("ABCD")
