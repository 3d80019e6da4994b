"""What a step says of its checks is stored late and together, as if it were stored at once."""

import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
import sqlalchemy as sa

from resources.dagster_event_log.batches import BATCH_SIZE_VARIABLE
from resources.dagster_event_log.held_events import KINDS, HeldEvents
from tests.instances import opened
from tests.resources.dagster_event_log.graph import SOURCE
from tests.resources.dagster_event_log.tables import recorded

CHECK = dg.DagsterEventType.ASSET_CHECK_EVALUATION


@pytest.fixture(scope="module")
def events(tmp_path_factory: pytest.TempPathFactory) -> list[dg.EventLogEntry]:
    """Return what the steps of two runs said of their checks and outputs."""
    every = recorded(tmp_path_factory.mktemp("recorded"))
    said = [one for one in every if one.dagster_event_type in KINDS and one.step_key]
    assert {one.dagster_event_type for one in said} == KINDS
    return said


@pytest.fixture(autouse=True)
def _batched(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(BATCH_SIZE_VARIABLE, "1000")


def _count(instance: dg.DagsterInstance) -> int:
    """Return how many events another process sees."""
    storage: Any = instance.event_log_storage
    engine: sa.Engine = getattr(storage, "_index", None) or storage._engine
    with engine.connect() as connection:
        return connection.execute(sa.text("SELECT count(*) FROM event_logs")).scalar_one()


def _get_kinds(instance: dg.DagsterInstance, run_id: str) -> list[dg.DagsterEventType | None]:
    return [one.dagster_event_type for one in instance.all_logs(run_id)]


def test_held_events_are_stored_before_what_follows(
    instance: dg.DagsterInstance, events: list[dg.EventLogEntry]
):
    storage = instance.event_log_storage
    assert _get_kinds(instance, "none") == []
    for event in events:
        storage.store_event(event)
    assert _count(instance) == 0
    storage.store_event(events[-1]._replace(dagster_event=None))
    assert _count(instance) == len(events) + 1
    run_id = events[-1].run_id
    expected = [one.dagster_event_type for one in events if one.run_id == run_id]
    assert _get_kinds(instance, run_id) == [*expected, None]


def test_whoever_reads_here_sees_held_events(
    instance: dg.DagsterInstance, events: list[dg.EventLogEntry]
):
    storage = instance.event_log_storage
    check = next(one for one in events if one.dagster_event_type == CHECK)
    assert storage.get_latest_storage_id_by_partition(SOURCE, CHECK) == {}
    before = _count(instance)
    storage.store_event(check)
    assert not instance.fetch_materializations(SOURCE, limit=5).records
    assert _count(instance) == before, "it is about no materialization"
    assert check.dagster_event
    key = check.dagster_event.asset_check_evaluation_data.asset_check_key
    (seen,) = storage.get_asset_check_execution_history(key, limit=5)
    assert seen.event == check
    assert _count(instance) == before + 1
    storage.store_event(check)
    records = storage.get_event_records(dg.EventRecordsFilter(CHECK))
    assert [record.event_log_entry for record in records] == [check, check]


def test_a_check_reported_by_hand_is_stored_at_once(instance: dg.DagsterInstance):
    assert instance.event_log_storage.get_latest_storage_id_by_partition(SOURCE, CHECK) == {}
    before = _count(instance)
    evaluation = dg.AssetCheckEvaluation(asset_key=SOURCE, check_name="by_hand", passed=True)
    instance.report_runless_asset_event(evaluation)
    assert _count(instance) == before + 1


@pytest.mark.parametrize(("size", "stored"), [("0", 4), ("1", 4), ("3", 3), ("4", 4), ("5", 0)])
def test_no_more_than_a_batch_is_held(
    tmp_path: Path,
    events: list[dg.EventLogEntry],
    monkeypatch: pytest.MonkeyPatch,
    size: str,
    stored: int,
):
    with opened(tmp_path) as instance:
        assert _get_kinds(instance, "none") == []
        monkeypatch.setenv(BATCH_SIZE_VARIABLE, size)
        for event in events[:4]:
            instance.event_log_storage.store_event(event)
        assert _count(instance) == stored


class Store:
    """Refuses batches, and some events."""

    def __init__(self, *refused: dg.EventLogEntry) -> None:
        self.refused = refused
        self.stored: list[dg.EventLogEntry] = []

    def __call__(self, events: Sequence[dg.EventLogEntry]) -> None:
        if len(events) > 1 or events[0] in self.refused:
            raise OSError(f"refused {events[0].step_key}")
        self.stored += events


def test_of_a_refused_batch_what_can_be_stored_is_stored(events: list[dg.EventLogEntry]):
    store = Store(events[0], events[2])
    held = HeldEvents(store)
    assert all(held.hold(event) for event in events)
    with pytest.raises(OSError, match=f"^refused {events[0].step_key}$"):
        held.flush()
    left = [one for one in events if one not in store.refused]
    assert store.stored == left
    held.flush()
    assert store.stored == left, "an error is raised once"


def test_only_the_thread_that_says_so_waits(events: list[dg.EventLogEntry]):
    store = Store()
    held = HeldEvents(store)
    held.hold(events[0])
    with held.waiting(True):
        held.flush()
        with held.waiting(True):
            pass
        held.flush()
        assert store.stored == []
        other = threading.Thread(target=held.flush)
        other.start()
        other.join()
        assert store.stored == events[:1]
        held.hold(events[1])
    held.flush()
    assert store.stored == events[:2]
