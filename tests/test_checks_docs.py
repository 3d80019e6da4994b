"""docs/checks.md is what the checks say of themselves."""

import re

import pytest

from assets.checks.catalogue import GATES
from docs.write_checks import PAGE, page
from resources.config.environment import EnvironmentSettings, InvalidEnvironmentError
from resources.config.thresholds import Thresholds
from tests.project import Project

TEXT = PAGE.read_text()


def test_the_page_is_made_of_the_code():
    assert page() == TEXT


def test_every_check_says_what_it_is_and_what_to_do():
    for gates in GATES.values():
        for gate in gates:
            assert f"### {gate.name}\n" in TEXT
            assert gate.description
            assert gate.what_to_do
            assert set(gate.limits) <= set(Thresholds.model_fields), gate.name


def test_its_environment_variable_reaches_the_checks():
    ((name, value),) = re.findall(r"(GAUNTLET_LIMIT_\w+)=(\S+) make run", TEXT)
    thresholds = _thresholds({name: value})
    assert thresholds.success_rate == float(value)
    assert thresholds.wall_seconds == Thresholds().wall_seconds


@pytest.mark.parametrize(
    ("variable", "told"),
    [
        ({"GAUNTLET_LIMIT_SUCCES_RATE": "0.9"}, "Did you mean 'success_rate'?"),
        ({"GAUNTLET_LIMIT_SUCCESS_RATE": "95"}, "GAUNTLET_LIMIT_SUCCESS_RATE: Input should be"),
        ({"GAUNTLET_LIMIT_WALL_SECONDS": "soon"}, "GAUNTLET_LIMIT_WALL_SECONDS=soon is not a num"),
        ({"GAUNTLET_LIMIT_WALL_SECONDS_WARNING": "2000"}, "beyond the limit wall_seconds of 1800"),
    ],
)
def test_a_limit_that_makes_no_sense_is_refused(variable: dict[str, str], told: str):
    with pytest.raises(InvalidEnvironmentError) as refused:
        _thresholds(variable)
    assert told in str(refused.value)


def _thresholds(environment: dict[str, str]) -> Thresholds:
    from pipelines.resources import build_resources

    return build_resources(EnvironmentSettings.from_environment(environment))["thresholds"]


def test_a_limit_of_the_environment_and_one_of_run_config_hold_together(project: Project):
    project.spoil("S07")
    config = {"resources": {"thresholds": {"config": {"clean_rate": 0.9}}}}
    strict = _thresholds({"GAUNTLET_LIMIT_SUCCESS_RATE": "0.96"})
    result = project.run(definitions=project.definitions(thresholds=strict), run_config=config)
    assert not result.success
    told = "19 of 20 symbols succeeded: 95.0%, limit 96%. Failed: S07."
    assert project.why(result).endswith(told)
