"""Each check fails when it should: a planted fault turns exactly that check red."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from typing import Any, ClassVar

import dagster as dg
import numpy as np
import polars as pl
import pytest

from engine import simulation
from engine.orders import Orders
from engine.positions import Positions, find_positions
from engine.simulation import compute_equity
from pipelines import definitions
from resources.market_data.sources.synthetic import SyntheticSource
from resources.price_store.store import PriceStore
from strategies.base import Bars, Signals, Strategy
from strategies.macd import Macd
from strategies.rsi import Rsi
from tests.project import END, SYMBOLS, Project
from tests.strategies.look_ahead import NextClose

TWELVE = (SYMBOLS[0], SYMBOLS[11])


@dataclass(frozen=True)
class _Planted(Strategy):
    @property
    def lookback_bars(self) -> int:
        return 1


class Hoarding(_Planted):
    """Leaks eight megabytes per symbol."""

    name = "hoarding"
    kept: ClassVar[list[np.ndarray]] = []

    def signals(self, bars: Bars) -> Signals:
        self.kept.append(np.ones(1_000_000))
        return Signals(bars.close > bars.open, bars.close < bars.open)


class HoardingToo(Hoarding):
    """Leaks as much again, in the same list."""

    name = "hoarding_too"


class Spiking(_Planted):
    """Needs 800 megabytes temporarily, once."""

    name = "spiking"
    first_time: ClassVar[bool] = True

    def signals(self, bars: Bars) -> Signals:
        needed = np.ones(100_000_000 if self.first_time else 1)
        type(self).first_time = False
        return Signals((bars.close > bars.open) & (needed[0] > 0), bars.close < bars.open)


class Slow(_Planted):
    """Takes a tenth of a second per symbol, however few its bars."""

    name = "slow"

    def signals(self, bars: Bars) -> Signals:
        time.sleep(0.1)
        return Signals(bars.close > bars.open, bars.close < bars.open)


class Quadratic(_Planted):
    """Takes time quadratic in the number of bars."""

    name = "quadratic"

    def signals(self, bars: Bars) -> Signals:
        work = [float(np.add.outer(bars.close, bars.close).sum()) for _ in range(20)]
        up = bars.close > bars.open
        return Signals(up & (min(work) > 0.0), ~up)


class Peeking(NextClose):
    """Buys before a rise, knowing the next close."""

    name = "peeking"


def red(project: Project, result: dg.ExecuteInProcessResult) -> dict[str, Any]:
    """Return the checks that did not pass, by name; each must have guidance."""
    failed = {
        name: check for (_, name), check in project.checks(result).items() if not check.passed
    }
    assert all(check.metadata["guidance"].value for check in failed.values())
    return failed


@contextmanager
def registered(monkeypatch: pytest.MonkeyPatch, *strategies: type[Strategy]) -> Iterator[None]:
    """Let the definitions know only these strategies."""
    known = {strategy.name: strategy for strategy in strategies}
    with monkeypatch.context() as patch:
        patch.setattr(definitions, "registered_strategies", lambda: known)
        yield


def _run_planted(
    project: Project,
    monkeypatch: pytest.MonkeyPatch,
    *strategies: type[Strategy],
    **thresholds: float,
) -> dg.ExecuteInProcessResult:
    config = {"resources": {"thresholds": {"config": thresholds}}} if thresholds else {}
    with registered(monkeypatch, *strategies):
        return project.run(TWELVE, selection=["*"], run_config=config)


def _downstream_did_not_run(project: Project) -> bool:
    return not project.materialized("backtest_summaries")


def test_a_leaking_strategy_turns_the_memory_slope_red(
    project: Project, monkeypatch: pytest.MonkeyPatch
):
    result = _run_planted(project, monkeypatch, Hoarding)
    Hoarding.kept.clear()
    assert not result.success
    failed = red(project, result)
    assert set(failed) == {"memory_slope_below_threshold"}
    check = failed["memory_slope_below_threshold"]
    assert check.severity.value == "ERROR"
    assert check.metadata["measured_mb"].value == pytest.approx(8.0, rel=0.2)
    assert check.metadata["limit_mb"].value == 5.0
    assert _downstream_did_not_run(project)


def test_a_leak_turns_the_memory_growth_red(project: Project, monkeypatch: pytest.MonkeyPatch):
    limits = {"memory_growth_mb": 60, "memory_growth_mb_warning": 50}
    others = {"memory_slope_mb": 90, "memory_slope_mb_warning": 80}
    result = _run_planted(project, monkeypatch, Hoarding, **limits, **others)
    Hoarding.kept.clear()
    assert not result.success
    failed = red(project, result)
    assert set(failed) == {"memory_growth_below_threshold"}
    check = failed["memory_growth_below_threshold"]
    assert check.severity.value == "ERROR"
    assert check.metadata["limit_mb"].value == 60
    assert "Memory grew from" in str(check.description)
    assert "batch_size" in str(check.metadata["guidance"].value)
    assert check.metadata["measured_mb"].value >= 12 * 8 * 0.8
    assert project.materialized("backtests", "hoarding") == set(SYMBOLS[:12])
    assert _downstream_did_not_run(project)


def test_a_leak_of_several_strategies_has_its_own_limit(
    project: Project, monkeypatch: pytest.MonkeyPatch
):
    limits = {"memory_growth_many_mb": 60, "memory_growth_many_mb_warning": 50}
    others = {"memory_slope_mb": 90, "memory_slope_mb_warning": 80}
    result = _run_planted(project, monkeypatch, Hoarding, HoardingToo, **limits, **others)
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


def test_memory_needed_temporarily_turns_the_peak_red(
    project: Project, monkeypatch: pytest.MonkeyPatch
):
    limits = {"memory_peak_mb": 500, "memory_peak_mb_warning": 400}
    result = _run_planted(project, monkeypatch, Spiking, **limits)
    assert not result.success
    failed = red(project, result)
    assert set(failed) == {"memory_growth_below_threshold"}
    check = failed["memory_growth_below_threshold"]
    assert check.metadata["peak_above_start_mb"].value == pytest.approx(763, rel=0.2)
    assert "Memory peaked above its start by" in str(check.description)
    assert _downstream_did_not_run(project)


def test_a_slow_strategy_turns_the_wall_time_red(project: Project, monkeypatch: pytest.MonkeyPatch):
    limits = {"wall_seconds": 1.0, "wall_seconds_warning": 0.9}
    result = _run_planted(project, monkeypatch, Slow, **limits)
    assert not result.success
    failed = red(project, result)
    assert set(failed) == {"wall_time_below_threshold"}
    check = failed["wall_time_below_threshold"]
    assert check.metadata["measured_s"].value > 12 * 0.1
    assert check.metadata["limit_s"].value == 1.0
    assert _downstream_did_not_run(project)


def test_a_quadratic_strategy_turns_the_scaling_red(
    project: Project, monkeypatch: pytest.MonkeyPatch
):
    result = _run_planted(project, monkeypatch, Quadratic)
    assert not result.success
    failed = red(project, result)
    assert set(failed) == {"scaling_below_threshold"}
    check = failed["scaling_below_threshold"]
    assert check.severity.value == "ERROR"
    assert 5.0 < check.metadata["ratio"].value < 40.0
    assert check.metadata["years_3_ms"].value > 5 * check.metadata["years_1_ms"].value
    assert _downstream_did_not_run(project)


def test_a_peeking_strategy_turns_look_ahead_red(project: Project, monkeypatch: pytest.MonkeyPatch):
    result = _run_planted(project, monkeypatch, Peeking)
    assert not result.success
    failed = red(project, result)
    assert set(failed) == {"signals_do_not_look_ahead"}
    check = failed["signals_do_not_look_ahead"]
    assert (check.metadata["measured"].value, check.metadata["symbols"].value) == (5, 5)
    assert "depends on later bars" in str(check.metadata["offenders"].value)
    assert _downstream_did_not_run(project)


def test_an_engine_that_drops_signals_turns_their_check_red(
    project: Project, monkeypatch: pytest.MonkeyPatch
):
    def without_the_first(orders: Orders) -> Positions:
        positions = find_positions(orders)
        return positions.only(np.arange(len(positions.backtest)) > 0)

    monkeypatch.setattr(simulation, "find_positions", without_the_first)
    result = _run_planted(project, monkeypatch, Macd)
    assert not result.success
    failed = red(project, result)
    assert set(failed) == {"signals_are_filled"}
    assert failed["signals_are_filled"].metadata["measured"].value == 1
    assert "`S00` dropped" in str(failed["signals_are_filled"].metadata["offenders"].value)
    assert _downstream_did_not_run(project)


def test_an_engine_that_invents_money_turns_accounts_red(
    project: Project, monkeypatch: pytest.MonkeyPatch
):
    def richer_at_the_end(*args: Any) -> np.ndarray:
        equity = compute_equity(*args)
        equity[:, -1] += 5.0
        return equity

    monkeypatch.setattr(simulation, "compute_equity", richer_at_the_end)
    result = _run_planted(project, monkeypatch, Macd)
    assert not result.success
    failed = red(project, result)
    assert set(failed) == {"accounts_balance"}
    assert failed["accounts_balance"].metadata["measured"].value == 12
    assert "off by 0.0005" in str(failed["accounts_balance"].metadata["offenders"].value)
    assert _downstream_did_not_run(project)


def test_a_slow_database_turns_its_time_red(project: Project):
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
    failed = red(project, result)
    assert set(failed) == {"database_time_below_threshold"}
    assert failed["database_time_below_threshold"].metadata["measured_s"].value >= 0.5
    assert not result.asset_materializations_for_node("leaderboard")


class _Corrupting(PriceStore):
    """Loads other bars than were stored."""

    def load(self, *args: Any, **kwargs: Any) -> pl.DataFrame:
        bars = super().load(*args, **kwargs)
        return bars.with_columns(high=pl.col("low") / 2)


def test_bars_that_became_invalid_turn_their_rule_red(project: Project):
    store = _Corrupting(root=project.resource("price_store").root)
    result = project.run(TWELVE, definitions=project.definitions(price_store=store))
    assert not result.success
    failed = red(project, result)
    assert set(failed) == {"bars_are_valid"}
    assert failed["bars_are_valid"].metadata["measured"].value == 0.0
    assert "high is below low" in str(failed["bars_are_valid"].metadata["offenders"].value)
    assert not project.materialized("backtests", "rsi")


@pytest.mark.parametrize("selection", [["*"], ["prices", "backtests/rsi", "backtests/macd"]])
def test_good_strategies_turn_nothing_red(
    project: Project, monkeypatch: pytest.MonkeyPatch, selection: list[str]
):
    with registered(monkeypatch, Rsi, Macd):
        result = project.run(TWELVE, selection=selection)
    assert result.success
    assert red(project, result) == {}


def _halve_from(bars: pl.DataFrame) -> pl.DataFrame:
    split = pl.when(pl.col("date") >= date(2022, 9, 1)).then(0.5).otherwise(1.0)
    return bars.with_columns(pl.col("open", "high", "low", "close") * split)


def _without_november(bars: pl.DataFrame) -> pl.DataFrame:
    return bars.filter(pl.col("date").dt.month() != 11)


def _until_november(bars: pl.DataFrame) -> pl.DataFrame:
    return bars.filter(pl.col("date") < date(2022, 12, 1))


def _silent(bars: pl.DataFrame) -> pl.DataFrame:
    return bars.with_columns(volume=pl.lit(0.0))


FEEDS = {
    "jumps_are_explained": (_halve_from, "the open of 2022-09-01 is 0.50"),
    "sessions_are_complete": (_without_november, "sessions have no bar, the first on 2022-11-01"),
    "bars_are_up_to_date": (_until_november, "the last bar is of 2022-11-30, 21 sessions behind"),
    "volume_is_traded": (_silent, "251 of 251 sessions have no volume"),
}


@pytest.mark.parametrize("check_name", FEEDS)
def test_a_suspicious_feed_turns_its_own_rule_red(project: Project, check_name: str):
    change, told = FEEDS[check_name]
    bars = SyntheticSource().fetch("S00", date(2022, 1, 3), END)
    change(bars).drop("adjustment").write_csv(project.feed("S00"))
    result = project.run("S00")
    assert not result.success
    failed = red(project, result)
    assert set(failed) == {check_name}
    assert failed[check_name].metadata["measured"].value == 0.0
    assert told in str(failed[check_name].metadata["offenders"].value)
    assert not project.materialized("backtests", "rsi")


def test_a_move_of_forty_percent_is_kept_and_only_warns(project: Project):
    bars = SyntheticSource().fetch("S00", date(2022, 1, 3), END)
    day = pl.col("date") == date(2022, 9, 1)
    # It rises during the session and stays there: no split looks like that.
    risen = pl.when(pl.col("date") > date(2022, 9, 1)).then(1.45).otherwise(1.0)
    top = pl.max_horizontal("open", "close") * 1.45
    moved = bars.with_columns(pl.col("open", "high", "low", "close") * risen).with_columns(
        high=pl.when(day).then(top).otherwise("high"),
        close=pl.when(day).then(top).otherwise("close"),
    )
    moved.drop("adjustment").write_csv(project.feed("S00"))
    result = project.run("S00")
    assert result.success
    failed = red(project, result)
    assert set(failed) == {"moves_are_usual"}
    assert failed["moves_are_usual"].severity.value == "WARN"
    assert "2022-09-01 with +4" in str(failed["moves_are_usual"].metadata["offenders"].value)
    assert project.materialized("backtest_summaries") == {"S00"}


def test_one_suspicious_symbol_of_many_only_warns(project: Project):
    bars = SyntheticSource().fetch("S03", date(2022, 1, 3), END)
    _halve_from(bars).drop("adjustment").write_csv(project.feed("S03"))
    result = project.run(TWELVE)
    assert result.success
    failed = red(project, result)
    assert set(failed) == {"jumps_are_explained"}
    assert failed["jumps_are_explained"].severity.value == "WARN"
    assert failed["jumps_are_explained"].metadata["measured"].value == pytest.approx(11 / 12)
    assert "`S03`" in str(failed["jumps_are_explained"].metadata["offenders"].value)
    assert "S03" in project.materialized("backtest_summaries")
