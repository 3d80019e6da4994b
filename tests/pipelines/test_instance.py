"""The instance of dagster.yaml, which `make run` and `make ui` use."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest

from resources.dagster_event_log.sqlite import BatchedSqliteEventLogStorage

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def instance(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[dg.DagsterInstance]:
    """Lend the project's instance with its history in a new folder."""
    # Set by the storage when it is opened, and restored after the test.
    monkeypatch.setenv("DAGSTER_EVENT_BATCH_SIZE", "1000")
    monkeypatch.chdir(tmp_path)
    shutil.copy(ROOT / "dagster.yaml", tmp_path)
    with dg.DagsterInstance.from_config(str(tmp_path)) as opened:
        yield opened


def test_batched_events_use_dagsters_files(instance: dg.DagsterInstance, tmp_path: Path):
    assert isinstance(instance.event_log_storage, BatchedSqliteEventLogStorage)
    made = {str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*.db")}
    folder = tmp_path / "stock"
    folder.mkdir()
    stock = {"storage": {"sqlite": {"base_dir": str(folder)}}, "telemetry": {"enabled": False}}
    with dg.DagsterInstance.local_temp(str(folder), overrides=stock):
        made_by_dagster = {str(path.relative_to(folder)) for path in folder.rglob("*.db")}
    assert made == {f".data/dagster/{path}" for path in made_by_dagster}


def test_limits_are_ten_runs_two_per_user_one_per_backfill(instance: dg.DagsterInstance):
    queue = instance.get_concurrency_config().run_queue_config
    assert queue is not None
    assert queue.max_concurrent_runs == 10
    limits = {limit["key"]: limit for limit in queue.tag_concurrency_limits}
    each = {"applyLimitPerUniqueValue": True}
    assert limits == {
        "user": {"key": "user", "value": each, "limit": 2},
        "dagster/backfill": {"key": "dagster/backfill", "value": each, "limit": 1},
    }


def test_only_a_run_with_a_dead_worker_is_restarted(instance: dg.DagsterInstance):
    assert instance.run_retries_enabled
    assert instance.run_retries_max_retries == 1
    assert not instance.run_retries_retry_on_asset_or_op_failure
    assert instance.run_monitoring_enabled
    assert instance.run_monitoring_settings["free_slots_after_run_end_seconds"] > 0
    assert instance.run_monitoring_max_runtime_seconds > 1800
