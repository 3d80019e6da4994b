"""Checks in real runs: always evaluated, failed beyond a limit, blocking downstream assets."""

import dagster as dg
import pytest

from assets.checks.catalogue import THRESHOLD_CHECKS
from tests.project import SYMBOLS, Project

EXPECTED = {
    (asset, check.name)
    for stage, assets in {
        "prices": ["prices"],
        "backtests": ["backtests/rsi", "backtests/macd"],
        "backtest_summaries": ["backtest_summaries"],
        "leaderboard": ["leaderboard"],
    }.items()
    for asset in assets
    for check in THRESHOLD_CHECKS[stage]
}
ALONE = dg.AssetSelection.checks_for_assets("prices")


@pytest.mark.parametrize("partitions", ["S00", (SYMBOLS[0], SYMBOLS[2])])
def test_every_check_passes_on_a_good_run(project: Project, partitions):
    checks = project.checks(project.run(partitions))
    assert set(checks) == EXPECTED
    failed = {key for key, check in checks.items() if not check.passed}
    assert failed == {("leaderboard", "results_are_complete")}, "it is of a part of the universe"


def test_a_failure_warns_in_its_run_and_in_a_check_alone(project: Project):
    project.spoil("S07")
    result = project.run()
    assert result.success
    check = project.checks(result)["prices", "success_rate_above_threshold"]
    assert not check.passed
    assert check.severity.value == "WARN"
    assert check.metadata["measured"].value == 0.95
    assert check.metadata["limit"].value == 0.85
    assert check.metadata["failures"].value == 1
    (failure,) = project.manager.get_failures(result.run_id)
    assert check.metadata["offenders"].value == (
        f"- `S07` (prices) BadBarsError: {failure['message']}"
    )
    assert "Failed and missing" in str(check.metadata["guidance"].value)
    alone = project.run(None, selection=ALONE)
    check = project.checks(alone)["prices", "success_rate_above_threshold"]
    assert check.metadata["measured"].value == 0.95
    assert "`S07`" in str(check.metadata["offenders"].value)


def test_a_tighter_limit_in_run_config_fails_the_check(project: Project):
    project.spoil("S07")
    config = {"resources": {"thresholds": {"config": {"success_rate": 0.96}}}}
    result = project.run(run_config=config)
    assert not result.success
    told = "19 of 20 symbols succeeded: 95.0%, limit 96%. Failed: S07."
    assert project.why(result).endswith(told)


def test_a_check_of_an_asset_never_materialized_fails(project: Project):
    result = project.run(None, selection=ALONE)
    assert not result.success
    check = project.checks(result)["prices", "success_rate_above_threshold"]
    assert not check.passed
    assert "Nothing was measured" in str(check.description)
