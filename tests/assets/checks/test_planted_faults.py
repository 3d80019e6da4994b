"""Each check fails when it should: a planted fault fails exactly that check."""

from typing import Any

import numpy as np
import pytest

from engine import simulation
from engine.orders import Orders
from engine.positions import Positions, find_positions
from engine.simulation import compute_equity
from strategies.macd import Macd
from strategies.rsi import Rsi
from tests.assets.checks.planted import (
    TWELVE,
    Hoarding,
    HoardingToo,
    Peeking,
    Quadratic,
    Slow,
    Spiking,
    get_failed_checks,
    registered,
    run_planted,
)
from tests.project import SYMBOLS, Project


def _downstream_did_not_run(project: Project) -> bool:
    return not project.materialized("backtest_summaries")


def test_a_leaking_strategy_fails_the_memory_slope_check(
    project: Project, monkeypatch: pytest.MonkeyPatch
):
    result = run_planted(project, monkeypatch, Hoarding)
    Hoarding.kept.clear()
    assert not result.success
    failed = get_failed_checks(project, result)
    assert set(failed) == {"memory_slope_below_threshold"}
    check = failed["memory_slope_below_threshold"]
    assert check.severity.value == "ERROR"
    assert check.metadata["measured_mb"].value == pytest.approx(8.0, rel=0.2)
    assert check.metadata["limit_mb"].value == 5.0
    assert _downstream_did_not_run(project)


def test_a_leaking_strategy_fails_the_memory_growth_check(
    project: Project, monkeypatch: pytest.MonkeyPatch
):
    limits = {"memory_growth_mb": 60, "memory_growth_mb_warning": 50}
    others = {"memory_slope_mb": 90, "memory_slope_mb_warning": 80}
    result = run_planted(project, monkeypatch, Hoarding, **limits, **others)
    Hoarding.kept.clear()
    assert not result.success
    failed = get_failed_checks(project, result)
    assert set(failed) == {"memory_growth_below_threshold"}
    check = failed["memory_growth_below_threshold"]
    assert check.severity.value == "ERROR"
    assert check.metadata["limit_mb"].value == 60
    assert "Memory grew from" in str(check.description)
    assert "batch_size" in str(check.metadata["guidance"].value)
    assert check.metadata["measured_mb"].value >= 12 * 8 * 0.8
    assert project.materialized("backtests", "hoarding") == set(SYMBOLS[:12])
    assert _downstream_did_not_run(project)


def test_memory_growth_of_several_strategies_has_its_own_limit(
    project: Project, monkeypatch: pytest.MonkeyPatch
):
    limits = {"memory_growth_many_mb": 60, "memory_growth_many_mb_warning": 50}
    others = {"memory_slope_mb": 90, "memory_slope_mb_warning": 80}
    result = run_planted(project, monkeypatch, Hoarding, HoardingToo, **limits, **others)
    Hoarding.kept.clear()
    assert not result.success
    checks = {key: check for key, check in project.checks(result).items() if not check.passed}
    assert set(checks) == {
        (f"backtests/{one.name}", "memory_growth_below_threshold")
        for one in (Hoarding, HoardingToo)
    }
    for check in checks.values():
        assert check.severity.value == "ERROR"
        assert check.metadata["limit_mb"].value == 60
        assert check.metadata["measured_mb"].value >= 2 * 12 * 8 * 0.8
    assert _downstream_did_not_run(project)


def test_temporary_memory_fails_the_check_of_the_peak(
    project: Project, monkeypatch: pytest.MonkeyPatch
):
    limits = {"memory_peak_mb": 500, "memory_peak_mb_warning": 400}
    result = run_planted(project, monkeypatch, Spiking, **limits)
    assert not result.success
    failed = get_failed_checks(project, result)
    assert set(failed) == {"memory_growth_below_threshold"}
    check = failed["memory_growth_below_threshold"]
    assert check.metadata["peak_above_start_mb"].value == pytest.approx(1526, rel=0.2)
    assert "Memory peaked above its start by" in str(check.description)
    assert _downstream_did_not_run(project)


def test_a_slow_strategy_fails_the_wall_time_check(
    project: Project, monkeypatch: pytest.MonkeyPatch
):
    limits = {"wall_seconds": 1.0, "wall_seconds_warning": 0.9}
    result = run_planted(project, monkeypatch, Slow, **limits)
    assert not result.success
    failed = get_failed_checks(project, result)
    assert set(failed) == {"wall_time_below_threshold"}
    check = failed["wall_time_below_threshold"]
    assert check.metadata["measured_s"].value > 12 * 0.1
    assert check.metadata["limit_s"].value == 1.0
    assert _downstream_did_not_run(project)


def test_a_quadratic_strategy_fails_the_scaling_check(
    project: Project, monkeypatch: pytest.MonkeyPatch
):
    result = run_planted(project, monkeypatch, Quadratic)
    assert not result.success
    failed = get_failed_checks(project, result)
    assert set(failed) == {"scaling_below_threshold"}
    check = failed["scaling_below_threshold"]
    assert check.severity.value == "ERROR"
    assert 5.0 < check.metadata["ratio"].value < 40.0
    assert check.metadata["years_3_ms"].value > 5 * check.metadata["years_1_ms"].value
    assert _downstream_did_not_run(project)


def test_a_peeking_strategy_fails_the_look_ahead_check(
    project: Project, monkeypatch: pytest.MonkeyPatch
):
    result = run_planted(project, monkeypatch, Peeking)
    assert not result.success
    failed = get_failed_checks(project, result)
    assert set(failed) == {"signals_do_not_look_ahead"}
    check = failed["signals_do_not_look_ahead"]
    assert (check.metadata["measured"].value, check.metadata["symbols"].value) == (5, 5)
    assert "depends on later bars" in str(check.metadata["offenders"].value)
    assert _downstream_did_not_run(project)


def test_an_engine_that_drops_signals_fails_the_check_of_signals(
    project: Project, monkeypatch: pytest.MonkeyPatch
):
    def without_the_first(orders: Orders) -> Positions:
        positions = find_positions(orders)
        return positions.only(np.arange(len(positions.backtest)) > 0)

    monkeypatch.setattr(simulation, "find_positions", without_the_first)
    result = run_planted(project, monkeypatch, Macd)
    assert not result.success
    failed = get_failed_checks(project, result)
    assert set(failed) == {"signals_are_filled"}
    assert failed["signals_are_filled"].metadata["measured"].value == 1
    assert "`S00` dropped" in str(failed["signals_are_filled"].metadata["offenders"].value)
    assert _downstream_did_not_run(project)


def test_an_engine_that_adds_money_fails_the_check_of_accounts(
    project: Project, monkeypatch: pytest.MonkeyPatch
):
    def richer_at_the_end(*args: Any) -> np.ndarray:
        equity = compute_equity(*args)
        equity[:, -1] += 5.0
        return equity

    monkeypatch.setattr(simulation, "compute_equity", richer_at_the_end)
    result = run_planted(project, monkeypatch, Macd)
    assert not result.success
    failed = get_failed_checks(project, result)
    assert set(failed) == {"accounts_balance"}
    assert failed["accounts_balance"].metadata["measured"].value == 12
    assert "off by 0.0005" in str(failed["accounts_balance"].metadata["offenders"].value)
    assert _downstream_did_not_run(project)


def test_a_slow_database_fails_the_check_of_database_time(project: Project):
    slow = """
        CREATE FUNCTION delay_insert() RETURNS trigger LANGUAGE plpgsql
            AS $$ BEGIN PERFORM pg_sleep(0.5); RETURN NULL; END $$;
        CREATE TRIGGER delay_insert AFTER INSERT ON backtests
            FOR EACH STATEMENT EXECUTE FUNCTION delay_insert();
    """
    with project.manager.engine.begin() as connection:
        connection.exec_driver_sql(slow)
    limits = {"database_seconds": 0.4, "database_seconds_warning": 0.3}
    config = {"resources": {"thresholds": {"config": limits}}}
    result = project.run(TWELVE, run_config=config)
    assert not result.success
    failed = get_failed_checks(project, result)
    assert set(failed) == {"database_time_below_threshold"}
    assert failed["database_time_below_threshold"].metadata["measured_s"].value >= 0.5
    assert not result.asset_materializations_for_node("leaderboard")


@pytest.mark.parametrize("selection", [["*"], ["prices", "backtests/rsi", "backtests/macd"]])
def test_good_strategies_pass_every_check(
    project: Project, monkeypatch: pytest.MonkeyPatch, selection: list[str]
):
    with registered(monkeypatch, Rsi, Macd):
        result = project.run(TWELVE, selection=selection)
    assert result.success, project.why(result)
    assert get_failed_checks(project, result) == {}
