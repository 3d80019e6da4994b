"""The commands, numbers and links of docs/celery.md are those of code and files."""

import re
from pathlib import Path

import yaml

from pipelines.cli.worker import RUNS_PER_PROCESS
from resources.celery_workers.app import LARGEST_IDLE_PROCESS_KB, VISIBILITY_SECONDS, build_settings

ROOT = Path(__file__).resolve().parents[1]
PAGE = (ROOT / "docs/celery.md").read_text()
INSTANCE = yaml.safe_load((ROOT / "deploy/dagster.yaml").read_text())
WORKER = yaml.safe_load((ROOT / "deploy/docker-compose.yaml").read_text())["services"]["worker"]


def test_numbers_are_those_of_the_settings():
    monitoring, settings = INSTANCE["run_monitoring"], build_settings("redis://broker")
    waits = range(settings["task_publish_retry_policy"]["max_retries"])
    for shown in (
        f"after {RUNS_PER_PROCESS} runs",
        f"more than {LARGEST_IDLE_PROCESS_KB // 1000} MB",
        f"within\n{VISIBILITY_SECONDS // 3600} hours",
        f"within {monitoring['poll_interval_seconds']} s",
        f"waited for {monitoring['start_timeout_seconds'] // 60} minutes",
        f"tried for {sum(waits)} s",
        f"to their end for {WORKER['stop_grace_period'].removesuffix('m')} minutes",
    ):
        assert shown in PAGE
    assert INSTANCE["concurrency"]["runs"]["max_concurrent_runs"] == 10


def test_settings_files_and_links_exist():
    example = (ROOT / "deploy/env.example").read_text()
    for name in re.findall(r"^([A-Z_]+)=", PAGE, re.MULTILINE):
        assert f"{name}=" in example
    for path in re.findall(r"`?((?:deploy|resources)/[\w./-]*\w)", PAGE):
        assert (ROOT / path).exists() or path == "deploy/.env", path
    assert set(re.findall(r"-m (pipelines\.[\w.]+)", PAGE)) == {"pipelines.cli.worker"}
    assert WORKER["command"][:3] == ["python", "-m", "pipelines.cli.worker"]
