"""Opening the storages, and a batch that can't be stored."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
import sqlalchemy as sa

from resources.dagster_event_log import batches
from resources.dagster_event_log.batches import BATCH_SIZE, BATCH_SIZE_VARIABLE
from resources.dagster_event_log.postgres import set_driver
from resources.dagster_event_log.sqlite import BatchedSqliteEventLogStorage
from tests.instances import STOCK, opened
from tests.resources.dagster_event_log.graph import SOURCE, batches_of, run


@pytest.fixture(autouse=True)
def _restored(monkeypatch: pytest.MonkeyPatch):
    # A storage sets it when it is opened; it is restored after the test.
    monkeypatch.setenv(BATCH_SIZE_VARIABLE, "")
    monkeypatch.delenv(BATCH_SIZE_VARIABLE)
    yield
    os.environ.pop(BATCH_SIZE_VARIABLE, None)


def _sizes(instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Return the sizes of the batches of Dagster that have more than one event."""
    sizes: list[int] = []
    store = BatchedSqliteEventLogStorage.store_event_batch

    def counted(self: Any, events: Any) -> None:
        sizes.extend([len(events)] if len(events) > 1 else [])
        store(self, events)

    monkeypatch.setattr(BatchedSqliteEventLogStorage, "store_event_batch", counted)
    run(instance)
    return sizes


def test_opening_the_storage_enables_batches(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    with opened(tmp_path) as instance:
        assert os.environ[BATCH_SIZE_VARIABLE] == str(BATCH_SIZE)
        # What is planned of 4 assets and 2 checks; 4 partitions of source, then 4 of derived.
        assert _sizes(instance, monkeypatch) == [6, 4, 4]


def test_a_batch_size_set_in_the_environment_is_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv(BATCH_SIZE_VARIABLE, "0")
    with opened(tmp_path) as instance:
        assert os.environ[BATCH_SIZE_VARIABLE] == "0"
        assert _sizes(instance, monkeypatch) == []


def test_events_of_a_failed_batch_are_stored_one_by_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    store = batches.store_index_rows

    def refused(storage: Any, connection: Any, stored: Any) -> None:
        store(storage, connection, stored)
        if len(stored) > 1:
            raise RuntimeError("told to fail after everything was written")

    monkeypatch.setattr("resources.dagster_event_log.sqlite.store_index_rows", refused)
    with opened(tmp_path) as instance:
        run_id = run(instance).run_id
        assert "told to fail after everything was written" in capsys.readouterr().err
        for of_type, times in (("ASSET_MATERIALIZATION_PLANNED", 4), ("ASSET_MATERIALIZATION", 9)):
            kind = dg.DagsterEventType(of_type)
            assert len(instance.all_logs(run_id, of_type=kind)) == times
        assert len(instance.fetch_materializations(SOURCE, limit=100).records) == 4


def test_storages_import_only_dagster_and_what_is_theirs():
    program = (
        "import sys, resources.dagster_event_log.sqlite\n"
        "heavy = {'pandas', 'numpy', 'polars', 'psycopg', 'psycopg2', 'dagster_postgres'}\n"
        "ours = ('assets', 'resources', 'research', 'engine', 'strategies', 'pipelines')\n"
        "print(*sorted(heavy & set(sys.modules) | {m for m in sys.modules if m.startswith(ours)}))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    package, claims = "resources.dagster_event_log", "resources.run_processes"
    modules = (
        *("batches", "held_events", "partition_status", "planned_partitions", "repeated_reads"),
        *("run_claims", "sqlite", "sqlite_file", "versions"),
    )
    assert done.stdout.split() == [
        "resources",
        *(package, *(f"{package}.{one}" for one in modules)),
        # What makes their files private needs the standard library only.
        *("resources.files", "resources.files.private"),
        *(claims, *(f"{claims}.{one}" for one in ("claims", "dead_runs", "process"))),
    ]


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("postgresql://me:secret@db/x", "postgresql+psycopg2://me:secret@db/x"),
        (
            "postgresql+psycopg2://db/x?sslmode=require",
            "postgresql+psycopg2://db/x?sslmode=require",
        ),
    ],
)
def test_a_url_without_driver_gets_psycopg2(url: str, expected: str):
    assert set_driver(url) == expected


def test_a_deleted_run_leaves_neither_events_nor_a_file(tmp_path: Path):
    with batches_of(0), opened(tmp_path, STOCK) as before:
        old = run(before).run_id  # has a file of its own
    with opened(tmp_path) as instance:
        first, second = run(instance).run_id, run(instance).run_id
        storage = instance.event_log_storage
        assert isinstance(storage, BatchedSqliteEventLogStorage)
        files = Path(storage.path_for_shard(old)).parent
        assert {path.name for path in files.glob("*.db")} == {f"{old}.db", "index.db"}
        for run_id in (old, old, first, first):
            storage.delete_events(run_id)
        assert {path.stem for path in files.iterdir()} == {"index"}
        assert not [*instance.all_logs(old), *instance.all_logs(first)]
        assert instance.all_logs(second)
        made = instance.fetch_materializations(SOURCE, limit=100).records
        assert {record.run_id for record in made} == {second}
        with storage.index_connection() as index:
            orphans = "FROM asset_event_tags WHERE event_id NOT IN (SELECT id FROM event_logs)"
            assert index.execute(sa.text(f"SELECT count(*) {orphans}")).scalar() == 0


def test_a_file_whose_layout_was_interrupted_is_laid_out(tmp_path: Path):
    version = "SELECT count(*) FROM alembic_version"
    with opened(tmp_path) as instance:
        run(instance)
        (index,) = tmp_path.rglob("index.db")
    engine = sa.create_engine(f"sqlite:///{index}")
    with engine.begin() as connection:
        connection.execute(sa.text("DELETE FROM alembic_version"))
    with opened(tmp_path) as instance:
        assert instance.all_logs(run(instance).run_id)
    with engine.connect() as connection:
        assert connection.execute(sa.text(version)).scalar_one() == 1
    engine.dispose()
