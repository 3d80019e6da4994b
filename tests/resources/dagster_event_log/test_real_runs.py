"""The Dagster UI of real runs: in progress, ended, killed, and several at once."""

import re
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from dagster._core.events import DagsterEventBatchMetadata

from resources.dagster_event_log.sqlite import BatchedSqliteEventLogStorage
from resources.dagster_event_log.sqlite_file import IndexWatchdog
from tests.instances import CONSOLIDATED, STOCK, opened
from tests.resources.dagster_event_log import graph
from tests.resources.dagster_event_log.graph import (
    BROKEN,
    DERIVED,
    SEEN,
    SOURCE,
    batches_of,
    run,
    statuses,
)

ROOT = Path(__file__).parents[3]
ALL, NONE = set("ABCD"), set[str]()

PLANNED = dg.DagsterEventType.ASSET_MATERIALIZATION_PLANNED

PATIENCE = 60.0


def _is(materialized: set[str], failed: set[str], in_progress: set[str]) -> dict[str, set[str]]:
    return {"materialized": materialized, "failed": failed, "in progress": in_progress}


def test_partitions_are_in_progress_until_the_run_ends(instance: dg.DagsterInstance):
    SEEN.clear()
    assert not run(instance, bad=["C"]).success
    assert [
        {
            "source": _is(set("ABD"), set("C"), set("C")),
            "derived": _is(NONE, NONE, ALL),
            "broken": _is(NONE, NONE, ALL),
        }
    ] == SEEN
    # The run failed: partitions that it planned and did not materialize have failed.
    assert statuses(instance) == {
        "source": _is(set("ABD"), set("C"), NONE),
        "derived": _is(ALL, NONE, NONE),
        "broken": _is(NONE, ALL, NONE),
    }
    assert instance.get_materialized_partitions(SOURCE) == set("ABD")


def test_the_latest_run_of_a_partition_counts(instance: dg.DagsterInstance):
    run(instance, bad=["A", "C"])
    later = run(instance, tags={"dagster/partition": "C"})
    assert statuses(instance)["source"] == _is(set("BCD"), set("A"), NONE)
    (record,) = instance.get_asset_records([SOURCE])
    newest = record.asset_entry.last_materialization_record
    assert newest is not None
    assert (newest.run_id, newest.partition_key) == (later.run_id, "C")
    assert record.asset_entry.last_run_id == later.run_id


def test_checks_are_planned_and_then_evaluated(instance: dg.DagsterInstance):
    result = run(instance)
    found = {
        name: instance.event_log_storage.get_asset_check_execution_history(
            dg.AssetCheckKey(SOURCE, name), limit=5
        )
        for name in ("rows_are_there", "rows_are_many")
    }
    evaluated = {name: [(one.run_id, one.status.value) for one in of] for name, of in found.items()}
    assert evaluated == {
        "rows_are_there": [(result.run_id, "SUCCEEDED")],
        "rows_are_many": [(result.run_id, "FAILED")],
    }


def test_identifiers_ascend_and_paging_misses_no_event(instance: dg.DagsterInstance):
    for _ in range(2):
        run(instance)
    seen, cursor, more = [], None, True
    while more:
        page = instance.fetch_materializations(SOURCE, limit=3, cursor=cursor, ascending=True)
        seen += [
            (record.storage_id, record.run_id, record.partition_key) for record in page.records
        ]
        cursor, more = page.cursor, page.has_more
    assert len(seen) == 2 * len(ALL)
    assert seen == sorted(set(seen), key=lambda one: one[0])


def _replaced(text: str, ids: dict[str, str]) -> str:
    for run_id, name in ids.items():
        text = text.replace(run_id, name)
    # Process numbers, durations and folders differ from run to run.
    return re.sub(r"/\S+|\d+(\.\d+)?(ms|s)\b|pid: \d+", "*", text)


def _log(instance: dg.DagsterInstance) -> list[tuple[Any, ...]]:
    """Return a run's log; what it planned of an asset as one line, as ours stores it."""
    result = run(instance, bad=["C"])
    ids = {result.run_id: "the run"}
    lines = [
        (
            entry.dagster_event_type if entry.is_dagster_event else None,
            entry.step_key,
            entry.dagster_event.partition if entry.dagster_event else None,
            _replaced(entry.user_message or entry.message, ids),
        )
        for entry in instance.all_logs(result.run_id)
    ]
    planned = {str(one[1]): (*one[:2], None, one[3]) for one in lines if one[0] == PLANNED}
    return [planned[one] for one in sorted(planned)] + [one for one in lines if one[0] != PLANNED]


def test_the_log_of_a_run_equals_that_of_dagsters_storage(
    instance: dg.DagsterInstance, tmp_path: Path
):
    with batches_of(0), opened(tmp_path / "stock", STOCK) as stock:
        expected = _log(stock)
    with batches_of(1000):
        logged = _log(instance)
    failure = [one for one in logged if one[0] == dg.DagsterEventType.ASSET_FAILED_TO_MATERIALIZE]
    assert [one[1:3] for one in failure] == [("source", "C")], "Dagster's storage drops it"
    assert [one for one in logged if one not in failure] == expected


@pytest.mark.parametrize("size", [1, 3, 1000])
def test_events_do_not_depend_on_the_batch_size(
    instance: dg.DagsterInstance, tmp_path: Path, size: int
):
    with batches_of(size):
        run(instance, bad=["C"])
        assert statuses(instance)["source"] == _is(set("ABD"), set("C"), NONE)


def _started(folder: Path, *arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", graph.__name__, str(folder), *arguments],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )


def _wait_until_stopped(process: subprocess.Popen[str]) -> None:
    assert process.stdout is not None
    assert process.stdout.readline() == "stopped\n"


def test_a_killed_run_has_only_materialized_stored_events(tmp_path: Path):
    with _started(tmp_path, "stop") as process:
        _wait_until_stopped(process)
        process.send_signal(signal.SIGKILL)
    with opened(tmp_path) as instance:
        assert statuses(instance)["source"] == _is(ALL, NONE, NONE)
        assert statuses(instance)["derived"] == _is(NONE, NONE, ALL)
        (killed,) = instance.get_runs()
        instance.report_run_failed(killed)
        assert statuses(instance)["derived"] == _is(NONE, ALL, NONE)
        run(instance)
        assert statuses(instance)["derived"] == _is(ALL, NONE, NONE)


def test_events_that_were_not_stored_materialize_nothing(
    instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
):
    """A killed process loses the events of its batch: here the last event is never stored."""

    def unfinished(batch: str, _: bool) -> DagsterEventBatchMetadata:
        return DagsterEventBatchMetadata(batch, is_end=False)

    monkeypatch.setattr("assets.partitions.event_batch.DagsterEventBatchMetadata", unfinished)
    run(instance)
    assert instance.get_materialized_partitions(SOURCE) == NONE
    assert statuses(instance)["source"] == _is(NONE, ALL, NONE)


def test_concurrent_runs_have_separate_events(tmp_path: Path):
    with opened(tmp_path):
        pass  # The first to open an instance creates its tables.
    together = [_started(tmp_path) for _ in range(3)]
    for process in together:
        process.communicate(timeout=PATIENCE)
    assert [process.returncode for process in together] == [0, 0, 0]
    with opened(tmp_path) as instance:
        runs = instance.get_runs()
        assert len(runs) == 3
        for one in runs:
            made = instance.event_log_storage.get_asset_partitions_for_run(
                one.run_id, dg.DagsterEventType.ASSET_MATERIALIZATION
            )
            assert made[SOURCE] == ALL
            materialized = instance.fetch_materializations(DERIVED, limit=100).records
            assert sum(record.run_id == one.run_id for record in materialized) == len(ALL)
        assert statuses(instance)["broken"] == _is(NONE, ALL, NONE)
        assert instance.get_materialized_partitions(BROKEN) == NONE


def test_a_run_of_another_process_can_be_watched(tmp_path: Path):
    with opened(tmp_path) as instance, _started(tmp_path, "stop") as process:
        _wait_until_stopped(process)
        (running,) = instance.get_runs()
        ended = threading.Event()
        kinds: list[str] = []

        def see(entry: dg.EventLogEntry, _cursor: str) -> None:
            if entry.is_dagster_event:
                kinds.append(entry.get_dagster_event().event_type_value)
            if kinds[-1:] == ["PIPELINE_FAILURE"]:
                ended.set()

        instance.watch_event_logs(running.run_id, None, see)
        process.communicate("go on\n", timeout=PATIENCE)
        assert ended.wait(PATIENCE), kinds
        expected = [
            entry.get_dagster_event().event_type_value
            for entry in instance.all_logs(running.run_id)
            if entry.is_dagster_event
        ]
        assert kinds == expected[: len(kinds)]


def test_a_watcher_is_told_once_an_event_is_committed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    class TardyWatchdog(IndexWatchdog):
        def __init__(self, storage: Any, *args: Any) -> None:
            super().__init__(storage, *args)
            # Every look after a write into the log came too early: before the commit.
            self._patterns = [storage.path_for_shard("index")]

    monkeypatch.setattr("resources.dagster_event_log.sqlite.IndexWatchdog", TardyWatchdog)
    with opened(tmp_path) as instance:
        done = run(instance).dagster_run
        seen = threading.Event()

        def see(entry: dg.EventLogEntry, _cursor: str) -> None:
            if entry.is_dagster_event and entry.get_dagster_event().message == "the last event":
                seen.set()

        instance.watch_event_logs(done.run_id, None, see)
        instance.report_engine_event("the last event", done)
        assert seen.wait(PATIENCE)


def test_files_are_compatible_with_dagsters_storages_both_ways(tmp_path: Path):
    with batches_of(0), opened(tmp_path, STOCK) as before:
        old = run(before).run_id
        logged = before.all_logs(old)
    with opened(tmp_path) as instance:
        assert isinstance(instance.event_log_storage, BatchedSqliteEventLogStorage)
        assert instance.all_logs(old) == logged
        assert instance.get_materialized_partitions(SOURCE) == ALL
        new = run(instance, bad=["B"]).run_id
        shown, continued = statuses(instance), instance.all_logs(new)
    with opened(tmp_path, STOCK) as after:
        assert statuses(after) == shown
    # As docs/event-log.md has it: the name of the file in Dagster's storage that has one for all.
    (tmp_path / "history" / "runs" / "event_log.db").symlink_to("index.db")
    with opened(tmp_path, CONSOLIDATED) as after:
        assert statuses(after) == shown
        assert after.all_logs(new) == continued


def test_runs_leave_no_write_ahead_logs(tmp_path: Path):
    with opened(tmp_path) as instance:
        run(instance)
    assert [path.name for path in (tmp_path / "history" / "runs").iterdir()] == ["index.db"]
