"""The production instance opens its storages on a real PostgreSQL and has the right limits."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
import yaml
from dagster_postgres.run_storage import PostgresRunStorage
from dagster_postgres.schedule_storage import PostgresScheduleStorage

from resources.celery_workers.app import VISIBILITY_SECONDS
from resources.celery_workers.launcher import WarmWorkerLauncher
from resources.dagster_event_log.postgres import BatchedPostgresEventLogStorage
from resources.result_store.connection import parse_url
from tests.postgres import fresh_database

ROOT = Path(__file__).resolve().parents[2]
PRODUCTION = ROOT / "deploy" / "dagster.yaml"
VALUES = yaml.safe_load((ROOT / "deploy/kubernetes/values.yaml").read_text())
STORAGES = ("event_log_storage", "run_storage", "schedule_storage")
"""Sections that say where history is stored; production has its own."""


@pytest.fixture
def environment(server: str, tmp_path: Path) -> Iterator[dict[str, str]]:
    """Lend the variables of a container, on an empty database."""
    with fresh_database(server, migrated=False) as url:
        yield {
            "DAGSTER_HOME": str(tmp_path),
            "DAGSTER_DATABASE_URL": url.replace("+psycopg:", "+psycopg2:"),
            "DAGSTER_COMPUTE_LOGS": str(tmp_path / "compute_logs"),
            "DAGSTER_ARTIFACTS": str(tmp_path / "artifacts"),
            # Set by the storage when it is opened, and restored after the test.
            "DAGSTER_EVENT_BATCH_SIZE": "1000",
        }


def _section(path: Path) -> dict[str, Any]:
    return yaml.safe_load(path.read_text())


def _chart_instance(environment: dict[str, str]) -> str:
    """Return the instance that the chart writes from the values: storages and run coordinator."""
    url = parse_url(environment["DAGSTER_DATABASE_URL"])
    postgres = {
        "username": url.username,
        "password": "",
        "hostname": "",
        "db_name": url.database,
        "scheme": VALUES["postgresql"]["postgresqlScheme"],
        "params": dict(url.query),
    }
    own = {
        "schedule_storage": ("schedule_storage", "PostgresScheduleStorage"),
        "run_storage": ("run_storage", "PostgresRunStorage"),
        "event_log_storage": ("event_log", "PostgresEventLogStorage"),
    }
    chart = {
        name: {
            "module": f"dagster_postgres.{module}",
            "class": kind,
            "config": {"postgres_db": postgres},
        }
        for name, (module, kind) in own.items()
    }
    queue = VALUES["dagsterDaemon"]["runCoordinator"]["config"]["queuedRunCoordinator"]
    chart["run_coordinator"] = {
        "module": "dagster",
        "class": "QueuedRunCoordinator",
        "config": {"dequeue_interval_seconds": queue["dequeueIntervalSeconds"]},
    }
    return yaml.safe_dump(chart) + yaml.safe_dump(VALUES["additionalInstanceConfig"])


def _opened(text: str, environment: dict[str, str], monkeypatch: pytest.MonkeyPatch):
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    home = Path(environment["DAGSTER_HOME"])
    (home / "dagster.yaml").write_text(text)
    return dg.DagsterInstance.from_config(str(home))


@pytest.mark.parametrize("of_chart", [False, True], ids=["dagster.yaml", "chart"])
def test_storages_are_postgresql_and_events_are_batched(
    environment: dict[str, str], monkeypatch: pytest.MonkeyPatch, of_chart: bool
):
    text = _chart_instance(environment) if of_chart else PRODUCTION.read_text()
    with _opened(text, environment, monkeypatch) as instance:
        assert isinstance(instance.event_log_storage, BatchedPostgresEventLogStorage)
        assert isinstance(instance.run_storage, PostgresRunStorage)
        assert isinstance(instance.schedule_storage, PostgresScheduleStorage)
        queue = instance.get_concurrency_config().run_queue_config
        assert queue is not None
        assert queue.max_concurrent_runs == 10
        assert {limit["key"]: limit["limit"] for limit in queue.tag_concurrency_limits} == {
            "user": 2,
            "dagster/backfill": 1,
        }
        assert instance.run_monitoring_max_runtime_seconds == 14400
        assert not instance.run_retries_retry_on_asset_or_op_failure


def test_a_run_stores_its_events_in_postgresql(
    environment: dict[str, str], monkeypatch: pytest.MonkeyPatch
):
    @dg.asset
    def made() -> None: ...

    with _opened(PRODUCTION.read_text(), environment, monkeypatch) as instance:
        assert dg.materialize([made], instance=instance).success
        assert instance.get_latest_materialization_event(dg.AssetKey("made")) is not None
        assert len(instance.get_runs()) == 1


def test_dagster_migrates_an_empty_database(environment: dict[str, str]):
    home = Path(environment["DAGSTER_HOME"])
    (home / "dagster.yaml").write_text(PRODUCTION.read_text())
    for command in ("migrate", "info"):
        done = subprocess.run(
            [sys.executable, "-m", "dagster", "instance", command],
            env=os.environ | environment,
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr[-2000:]
    assert "BatchedPostgresEventLogStorage" in done.stdout
    # It prints where a setting comes from, not its value.
    assert environment["DAGSTER_DATABASE_URL"] not in done.stdout


def test_settings_other_than_storages_equal_the_local_ones():
    production, laptop = _section(PRODUCTION), _section(ROOT / "dagster.yaml")
    own = (*STORAGES, "compute_logs", "local_artifact_storage", "run_launcher")
    assert {k: v for k, v in production.items() if k not in own} == {
        k: v for k, v in laptop.items() if k not in own
    }


def test_the_chart_has_the_settings_of_production():
    production = _section(PRODUCTION)
    added = VALUES["additionalInstanceConfig"]
    assert added == {name: production[name] for name in added}
    written = {"run_storage", "schedule_storage", "compute_logs", "local_artifact_storage"}
    written |= {"run_launcher", "run_coordinator", "python_logs", "telemetry"}
    assert set(production) - set(added) == written


def test_appended_settings_hand_runs_to_warm_workers(
    environment: dict[str, str], monkeypatch: pytest.MonkeyPatch
):
    appended = (ROOT / "deploy/celery.yaml").read_text()
    broker = {"GAUNTLET_BROKER_URL": "redis://:sesame0pen@redis:6379/0"}
    text = PRODUCTION.read_text() + appended
    with _opened(text, environment | broker, monkeypatch) as instance:
        launcher = instance.run_launcher
        assert isinstance(launcher, WarmWorkerLauncher)
        # What is handed to other processes names the variable, not its value.
        assert "sesame0pen" not in str(instance.get_ref())
        # Redis would deliver the task of a run again that is still executed.
        assert instance.run_monitoring_max_runtime_seconds < VISIBILITY_SECONDS
        assert launcher.celery.conf.broker_transport_options["visibility_timeout"] == (
            VISIBILITY_SECONDS
        )
    assert yaml.safe_load(text) == _section(PRODUCTION) | yaml.safe_load(appended)
