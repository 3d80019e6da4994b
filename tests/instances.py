"""Dagster instances in a folder, with the storage of events that dagster.yaml names, or another."""

from pathlib import Path
from typing import Any

import dagster as dg

OURS = {"module": "resources.dagster_event_log.sqlite", "class": "BatchedSqliteEventLogStorage"}
STOCK = {"module": "dagster._core.storage.event_log", "class": "SqliteEventLogStorage"}
CONSOLIDATED = STOCK | {"class": "ConsolidatedSqliteEventLogStorage"}


def opened(folder: Path, storage: dict[str, str] = OURS, **config: Any) -> dg.DagsterInstance:
    """Open an instance in a folder with a storage of events, by default ours on SQLite."""
    folder.mkdir(parents=True, exist_ok=True)
    history = folder / "history"
    kept = config or {"base_dir": str(history / "runs")}
    return dg.DagsterInstance.local_temp(
        str(folder),
        overrides={
            "telemetry": {"enabled": False},
            "event_log_storage": {**storage, "config": kept},
            "run_storage": _of_dagster("runs", "SqliteRunStorage", history),
            "schedule_storage": _of_dagster(
                "schedules", "SqliteScheduleStorage", folder / "schedules"
            ),
        },
    )


def _of_dagster(module: str, name: str, folder: Path) -> dict[str, Any]:
    return {
        "module": f"dagster._core.storage.{module}",
        "class": name,
        "config": {"base_dir": str(folder)},
    }
