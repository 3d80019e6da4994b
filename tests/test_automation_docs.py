"""Everything that docs/automation.md lists exists, with the documented default state."""

import re
from pathlib import Path

from pipelines.automation import webhook
from pipelines.definitions import build_defs
from resources.config.environment import EnvironmentSettings
from resources.config.ui_address import UI_VARIABLE

ROOT = Path(__file__).resolve().parents[1]
TEXT = (ROOT / "docs/automation.md").read_text()


def test_every_schedule_and_sensor_is_listed_with_its_default():
    settings = EnvironmentSettings.from_environment(
        {"GAUNTLET_UNIVERSE": str(ROOT / "universe.csv")}
    )
    repository = build_defs(settings).get_repository_def()
    defined = {(each.name, "sensor", each.default_status.value) for each in repository.sensor_defs}
    defined |= {
        (each.name, "schedule", each.default_status.value) for each in repository.schedule_defs
    }
    listed = re.findall(r"^\| `(\w+)` \((\w+)\) \| (\w+) \|", TEXT, re.MULTILINE)
    assert {(name, kind, default.upper()) for name, kind, default in listed} == defined


def test_variables_are_those_of_the_code():
    read = {webhook.WEBHOOK_VARIABLE, UI_VARIABLE}
    assert set(re.findall(r"^\| `(GAUNTLET_\w+)` \|", TEXT, re.MULTILINE)) == read
