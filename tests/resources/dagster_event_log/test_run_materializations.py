"""What runs materialized, read from columns, is what their events say."""

from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest
from dagster._core.definitions.data_version import DATA_VERSION_TAG

from resources.dagster_event_log.run_materializations import read_materializations
from tests.instances import STOCK, opened

KEY, OTHER = dg.AssetKey("prices"), dg.AssetKey("backtests")


@dg.op(out=dg.Out(dg.Nothing))
def report(context: dg.OpExecutionContext) -> None:
    for key, partition, version in [
        (KEY, "AAPL", "v1"),
        (KEY, "MSFT", "v2"),
        (OTHER, "AAPL", "v3"),
        (KEY, "AAPL", "v4"),
        (KEY, "IBM", None),
    ]:
        tags = {DATA_VERSION_TAG: version} if version else {"by": "hand"}
        context.log_event(dg.AssetMaterialization(key, partition=partition, tags=tags))


@dg.job
def reporting() -> None:
    report()


@pytest.fixture
def stock(tmp_path: Path) -> Iterator[dg.DagsterInstance]:
    """Lend an instance with Dagster's own storage."""
    with opened(tmp_path / "stock", STOCK) as one:
        yield one


def _check(instance: dg.DagsterInstance) -> None:
    first, second, third = (reporting.execute_in_process(instance=instance) for _ in range(3))
    runs = [second.run_id, first.run_id]
    found = read_materializations(instance, KEY, runs)
    of_run = [("IBM", ""), ("AAPL", "v4"), ("MSFT", "v2"), ("AAPL", "v1")]
    assert [(partition, run, version) for partition, run, _, version in found] == [
        (partition, run, version) for run in runs for partition, version in of_run
    ]
    events = instance.fetch_materializations(KEY, limit=100).records
    assert [number for _, _, number, _ in found] == [
        one.storage_id for one in events if one.run_id != third.run_id
    ]


def test_materializations_are_those_of_the_runs_newest_first(instance: dg.DagsterInstance):
    _check(instance)


def test_they_are_read_from_dagsters_own_storage_too(stock: dg.DagsterInstance):
    _check(stock)
