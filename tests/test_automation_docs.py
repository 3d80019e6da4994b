"""What docs/automation.md lists is what there is, in the state that it says."""

import re
from pathlib import Path

from pipelines.automation import alerts, webhook
from pipelines.definitions import build_defs
from resources.config.environment import EnvironmentSettings

ROOT = Path(__file__).resolve().parents[1]
PAGE = (ROOT / "docs/automation.md").read_text()


def test_it_lists_every_schedule_and_sensor_and_whether_it_runs():
    settings = EnvironmentSettings.from_environment(
        {"GAUNTLET_UNIVERSE": str(ROOT / "universe.csv")}
    )
    repository = build_defs(settings).get_repository_def()
    there = {(each.name, "sensor", each.default_status.value) for each in repository.sensor_defs}
    there |= {
        (each.name, "schedule", each.default_status.value) for each in repository.schedule_defs
    }
    listed = re.findall(r"^\| `(\w+)` \((\w+)\) \| (\w+) \|", PAGE, re.MULTILINE)
    assert {(name, kind, at_first.upper()) for name, kind, at_first in listed} == there


def test_its_variables_are_those_that_are_read():
    read = {webhook.VARIABLE, alerts.UI_VARIABLE}
    assert set(re.findall(r"^\| `(GAUNTLET_\w+)` \|", PAGE, re.MULTILINE)) == read
