"""The examples of docs/event-log.md: that of dagster.yaml, and one that opens an instance."""

import re
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
import yaml

from resources.dagster_event_log.postgres import BatchedPostgresEventLogStorage
from tests.resources.dagster_event_log.graph import SOURCE, run

ROOT = Path(__file__).parents[3]


def _shown() -> list[dict[str, Any]]:
    text = (ROOT / "docs" / "event-log.md").read_text()
    return [yaml.safe_load(block) for block in re.findall(r"```yaml\n(.*?)```", text, re.DOTALL)]


def test_the_first_example_equals_dagster_yaml():
    used = yaml.safe_load((ROOT / "dagster.yaml").read_text())
    assert _shown()[0] == {"event_log_storage": used["event_log_storage"]}


def test_the_second_example_opens_an_instance(
    tmp_path: Path, database: str, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("DAGSTER_EVENT_BATCH_SIZE", "1000")
    url = database.replace("postgresql+psycopg:", "postgresql+psycopg2:")
    monkeypatch.setenv("DAGSTER_DATABASE_URL", url)
    settings = _shown()[1] | {"telemetry": {"enabled": False}}
    (tmp_path / "dagster.yaml").write_text(yaml.safe_dump(settings))
    with dg.DagsterInstance.from_config(str(tmp_path)) as instance:
        assert isinstance(instance.event_log_storage, BatchedPostgresEventLogStorage)
        run(instance, bad=["C"])
        assert instance.get_materialized_partitions(SOURCE) == set("ABD")
