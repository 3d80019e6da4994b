"""A question that is asked again is answered from memory, but only while nothing was written."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
import sqlalchemy as sa
from sqlalchemy.event import listen, remove

from tests.instances import opened

_ASSET = dg.AssetKey("source")


@contextmanager
def _reads_of_events(instance: dg.DagsterInstance) -> Iterator[list[str]]:
    """Collect the statements by which an instance reads events."""
    storage: Any = instance.event_log_storage
    statements: list[str] = []

    def note(*given: Any) -> None:
        if "FROM event_logs" in given[2]:
            statements.append(given[2])

    engine: sa.Engine = storage._index
    listen(engine, "before_cursor_execute", note)
    yield statements
    remove(engine, "before_cursor_execute", note)


def _ask(instance: dg.DagsterInstance, partition: str = "A") -> list[Any]:
    """Return which event materialized a partition last, as Dagster asks for it."""
    of = dg.AssetRecordsFilter(asset_key=_ASSET, asset_partitions=[partition])
    return [one.storage_id for one in instance.fetch_materializations(of, limit=1).records]


def _materialize(instance: dg.DagsterInstance) -> None:
    instance.report_runless_asset_event(dg.AssetMaterialization(_ASSET, partition="A"))


def _wipe(instance: dg.DagsterInstance) -> None:
    instance.wipe_assets([_ASSET])


def test_an_answer_is_read_once_while_nothing_is_written(tmp_path: Path):
    with opened(tmp_path) as instance:
        _materialize(instance)
        first = _ask(instance)
        with _reads_of_events(instance) as statements:
            assert [_ask(instance) for _ in range(3)] == [first] * 3
            assert len(statements) == 0
            assert _ask(instance, "B") == [], "another question"
            assert len(statements) == 1
            assert _ask(instance) == first
            assert len(statements) == 2
            several = dg.AssetRecordsFilter(asset_key=_ASSET)
            assert len(instance.fetch_materializations(several, limit=2).records) == 1
            assert len(instance.fetch_materializations(several, limit=2).records) == 1
            assert len(statements) == 4, "what has many events is not kept in memory"


@pytest.mark.parametrize("write", [_materialize, _wipe])
@pytest.mark.parametrize("by_another", [False, True])
def test_whoever_writes_the_next_answer_is_new(
    tmp_path: Path, write: Callable[[dg.DagsterInstance], None], by_another: bool
):
    with opened(tmp_path) as instance, opened(tmp_path) as another:
        _materialize(instance)
        first = _ask(instance)
        assert first == _ask(another)
        write(another if by_another else instance)
        seen = _ask(instance)
        assert seen != first
        assert seen == _ask(another)


def test_the_first_and_the_last_event_are_two_questions(tmp_path: Path):
    with opened(tmp_path) as instance:
        _materialize(instance)
        first = _ask(instance)
        _materialize(instance)
        last = _ask(instance)
        oldest = instance.fetch_materializations(_ASSET, limit=1, ascending=True).records
        newest = instance.fetch_materializations(_ASSET, limit=1).records
        assert [one.storage_id for one in [*oldest, *newest]] == first + last


def test_what_is_rolled_back_is_not_remembered(tmp_path: Path):
    with opened(tmp_path) as instance:
        _materialize(instance)
        storage: Any = instance.event_log_storage
        first = _ask(instance)
        with storage.index_connection() as index:
            index.execute(sa.text("DELETE FROM event_logs"))
            assert _ask(instance) == []
            index.rollback()
        assert _ask(instance) == first
