"""docs/checks.md is generated from the checks."""

import re

import pytest

from assets.checks.catalogue import THRESHOLD_CHECKS
from docs.write_checks import PAGE, render_page
from resources.config.environment import EnvironmentSettings, InvalidEnvironmentError
from resources.config.thresholds import Thresholds
from tests.project import Project

TEXT = PAGE.read_text()


def test_the_page_is_generated_from_the_code():
    assert render_page() == TEXT


def test_every_check_has_a_description_and_guidance():
    for checks in THRESHOLD_CHECKS.values():
        for check in checks:
            assert f"### {check.name}\n" in TEXT
            assert check.description
            assert check.guidance
            assert set(check.limits) <= set(Thresholds.model_fields), check.name


def test_a_limit_of_the_environment_reaches_the_checks():
    ((name, value),) = re.findall(r"(GAUNTLET_LIMIT_\w+)=(\S+) make run", TEXT)
    thresholds = _thresholds({name: value})
    assert thresholds.success_rate == float(value)
    assert thresholds.wall_seconds == Thresholds().wall_seconds
    asked = _thresholds({"GAUNTLET_LIMIT_PROMOTION": "deployable"})
    assert asked.promotion == "deployable"


@pytest.mark.parametrize(
    ("variable", "told"),
    [
        ({"GAUNTLET_LIMIT_SUCCES_RATE": "0.9"}, "Did you mean 'success_rate'?"),
        ({"GAUNTLET_LIMIT_SUCCESS_RATE": "95"}, "GAUNTLET_LIMIT_SUCCESS_RATE: Input should be"),
        ({"GAUNTLET_LIMIT_WALL_SECONDS": "soon"}, "GAUNTLET_LIMIT_WALL_SECONDS=soon is not a num"),
        (
            {"GAUNTLET_LIMIT_PROMOTION": "yes"},
            "is 'yes'; allowed: none, promising, deployable.",
        ),
        ({"GAUNTLET_LIMIT_WALL_SECONDS_WARNING": "2000"}, "beyond the limit wall_seconds of 1800"),
    ],
)
def test_an_invalid_limit_is_refused(variable: dict[str, str], told: str):
    with pytest.raises(InvalidEnvironmentError) as refused:
        _thresholds(variable)
    assert told in str(refused.value)


def _thresholds(environment: dict[str, str]) -> Thresholds:
    from pipelines.resources import build_resources

    return build_resources(EnvironmentSettings.from_environment(environment))["thresholds"]


def test_limits_of_environment_and_run_config_combine(project: Project):
    project.spoil("S07")
    config = {"resources": {"thresholds": {"config": {"clean_rate": 0.9}}}}
    strict = _thresholds({"GAUNTLET_LIMIT_SUCCESS_RATE": "0.96"})
    result = project.run(definitions=project.definitions(thresholds=strict), run_config=config)
    assert not result.success
    told = "19 of 20 symbols succeeded: 95.0%, limit 96%. Failed: S07."
    assert project.why(result).endswith(told)
