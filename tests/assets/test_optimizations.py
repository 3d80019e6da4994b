"""Sweeps as assets: real runs on real storage, the ledger, the files and what the UI shows."""

import base64
import json
from collections.abc import Mapping
from typing import Any

import dagster as dg
import numpy as np
import polars as pl
import pytest

from assets.asset_keys import optimizations_key
from engine.backtest import VectorBTEngine
from resources.run_artifacts.sweep_files import SweepFiles
from strategies.rsi import Rsi
from strategies.sma_cross import SmaCross
from tests.histories import load_history
from tests.project import SYMBOLS, Project

RANGES = {"sma_cross": {"fast_period": [5, 10, 20], "slow_period": [20, 30]}}
BOTH = ["optimizations/rsi", "optimizations/sma_cross"]


def _config(ignore_cache: bool = False, **config: Any) -> dict[str, Any]:
    settings = {"run_settings": {"config": {"ignore_cache": ignore_cache}}}
    return {"ops": {"optimizations": {"config": config}}, "resources": settings}


@pytest.fixture
def priced(project: Project) -> Project:
    """Lend a project with prices; those of one symbol are not there."""
    project.spoil("S07")
    relaxed = {"resources": {"thresholds": {"config": {"success_rate": 0.9}}}}
    assert project.run(selection=["prices"], run_config=relaxed).success
    return project


def _metadata(project: Project, strategy: str) -> Mapping[str, Any]:
    event = project.instance.get_latest_materialization_event(optimizations_key(strategy))
    assert event is not None
    assert event.asset_materialization is not None
    return {name: one.value for name, one in event.asset_materialization.metadata.items()}


def _failures(project: Project, done: dg.ExecuteInProcessResult) -> list[tuple[Any, ...]]:
    """Return the failures of a run: stage, symbol, strategy and message."""
    columns = ("stage", "symbol", "strategy", "message")
    rows = project.manager.get_failures(done.run_id)
    return [tuple(row[name] for name in columns) for row in rows]


def _files(project: Project) -> SweepFiles:
    return SweepFiles(project.resource("backtest_files").root)


def test_a_sweep_is_trials_rows_curves_and_a_picture(priced: Project):
    done = priced.run(None, selection=BOTH, run_config=_config(ranges=RANGES))
    assert done.success, priced.why(done)
    assert len([one for one in done.all_events if one.is_step_success]) == 1, "one step for all"
    trials = priced.manager.get_trials()
    assert trials.group_by("strategy").len().sort("strategy").rows() == [
        ("rsi", 48),
        ("sma_cross", 5),
    ]
    assert set(trials["purpose"]) == {"sweep"}
    assert set(trials["tested_symbols"]) == {len(SYMBOLS) - 1}
    shown = _metadata(priced, "sma_cross")
    assert (shown["points_tried"], shown["points_skipped"]) == (5, 1)
    assert shown["symbols"] == "19 of 20"
    assert shown["failures"].startswith("- S07: S07: no bars of source 'files' are stored")
    (lost,) = _failures(priced, done)
    assert lost[:3] == ("research", "S07", None)
    assert lost[3].startswith("S07: no bars of source 'files' are stored")

    points = _files(priced).read_points("sma_cross", shown["sweep"])
    assert [json.loads(one) for one in points["parameters"]] == [
        {"fast_period": fast, "slow_period": slow}
        for fast, slow in ((5, 20), (5, 30), (10, 20), (10, 30), (20, 30))
    ]
    recorded = {one["id"]: one for one in trials.iter_rows(named=True)}
    for row in points.iter_rows(named=True):
        assert recorded[row["trial_id"]]["residual_sharpe_ratio"] == pytest.approx(
            row["residual_sharpe_ratio"]
        )
        assert recorded[row["trial_id"]]["activity"] == row["activity"]
    _compare_with_single_backtests(priced, shown["sweep"])
    _look_at_what_is_shown(shown, points)


def _compare_with_single_backtests(project: Project, sweep: str) -> None:
    settings, files = project.resource("run_settings"), _files(project)
    metrics = files.read_metrics("sma_cross", sweep)
    assert metrics.height == 5 * 19
    histories = [
        load_history(
            project.resource("price_store"), "files", symbol, settings.history_start(),
            settings.window().end,
        ).history
        for symbol in ("S03", "S11")
    ]  # fmt: skip
    alone = VectorBTEngine(settings.backtest_settings()).run_batch(
        histories, SmaCross(10, 30), settings.window()
    )
    for result in alone.results:
        (row,) = metrics.filter(symbol=result.symbol, point=3).rows(named=True)
        assert row["sharpe_ratio"] == pytest.approx(result.metrics["sharpe_ratio"], rel=1e-6)
        assert row["closed_trades"] == result.metrics["closed_trades"]
    curves = files.read_curves("sma_cross", sweep)
    points = files.read_points("sma_cross", sweep)
    days = project.settings.end - project.settings.start
    one = curves.filter(point=3)
    assert days.days * 0.65 < one.height < days.days * 0.75
    residual = (one["return"] - points["beta"][3] * one["market"]).to_numpy()
    annual = residual.mean() / residual.std(ddof=1) * np.sqrt(252)
    assert points["residual_sharpe_ratio"][3] == pytest.approx(annual, rel=1e-4)


def _look_at_what_is_shown(shown: Mapping[str, Any], points: pl.DataFrame) -> None:
    active = points.filter(pl.col("activity") >= 0.1)
    highest = active.sort("residual_sharpe_ratio").row(-1, named=True)
    assert shown["highest_residual_sharpe_ratio"] == highest["residual_sharpe_ratio"]
    assert shown["highest_parameters"] == json.loads(highest["parameters"])
    tried = f"best of 5 points tried, {active.height} of them active on 10% of bars or more"
    assert shown["highest"].endswith(tried)
    assert f"{highest['residual_sharpe_ratio']:.2f} per year" in shown["highest"]
    assert shown["plateau_residual_sharpe_ratio"] in points["residual_sharpe_ratio"]
    # Two digits of each point in the table, and in the picture.
    table = shown["heat_map_table"]
    svg = base64.b64decode(shown["heat_map"].partition("base64,")[2][:-1]).decode()
    for value in points["residual_sharpe_ratio"]:
        assert f"|{value:.3f}|" in table
        assert f">{value:.2f}</text>" in svg
    assert "sma_cross: residual Sharpe ratio per year, 5 points tried" in svg
    for axis in ("fast_period", "slow_period"):
        assert f">{axis}</text>" in svg
        assert axis in table.splitlines()[0]
    words = " ".join(str(one) for name, one in shown.items() if "heat_map" not in name)
    assert words.count("best") == words.count("best of 5 points tried")


def test_a_known_sweep_is_computed_again_only_if_asked(
    priced: Project, monkeypatch: pytest.MonkeyPatch
):
    few = _config(ranges=RANGES | {"rsi": {"period": [7, 14]}})
    assert priced.run(None, selection=BOTH, run_config=few).success
    first = _metadata(priced, "rsi")
    calls: list[int] = []
    run = VectorBTEngine.run_batches
    monkeypatch.setattr(
        VectorBTEngine,
        "run_batches",
        lambda *rest: calls.append(len(rest[2])) or run(*rest),
    )
    assert priced.run(None, selection=BOTH, run_config=few).success
    assert not calls
    assert _metadata(priced, "rsi") == first
    assert priced.run(None, selection=BOTH[:1], run_config=_config(points=5)).success
    assert calls == [5], "only what is selected, and is not known"
    again = _config(ignore_cache=True, ranges={"rsi": {"period": [7, 14]}})
    assert priced.run(None, selection=BOTH[:1], run_config=again).success
    assert calls == [5, 2]
    assert priced.manager.get_trials("rsi").height == len({Rsi(7), Rsi(14)} | {*_drawn(priced)}), (
        "repeats add no trials"
    )
    # A file that is not what was written is as good as none.
    broken = f"{_files(priced).path('rsi', first['sweep'])}/points.parquet"
    with open(broken, "ab") as file:  # noqa: PTH123
        file.write(b"x")
    assert priced.run(None, selection=BOTH, run_config=few).success
    assert calls == [5, 2, 2]
    assert _metadata(priced, "rsi") == first


def _drawn(project: Project) -> list[Rsi]:
    points = project.manager.get_trials("rsi")["parameters"]
    return [Rsi(**json.loads(one)) for one in points]


def test_nothing_is_shown_that_is_not_in_the_ledger(
    priced: Project, monkeypatch: pytest.MonkeyPatch
):
    def fail(*_: Any, **__: Any) -> int:
        raise OSError("killed")

    few = _config(ranges=RANGES)
    with monkeypatch.context() as patched:
        patched.setattr(type(priced.manager), "record_trials", fail)
        assert not priced.run(None, selection=BOTH[1:], run_config=few).success
    assert not list(_manifests(priced))
    assert priced.run(None, selection=BOTH[1:], run_config=few).success
    assert len(list(_manifests(priced))) == 1


def _manifests(project: Project) -> list[Any]:
    return [*(project.folder / "home/backtests/sweeps").rglob("manifest.json")]


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"ranges": {"smacross": {}}}, "There is no strategy 'smacross'."),
        ({"ranges": {"rsi": {"perod": [5]}}}, "rsi has no parameter 'perod'."),
        ({"ranges": {"rsi": {"period": []}}}, "The range of rsi's 'period' has no value."),
    ],
)
def test_what_cannot_be_swept_fails_in_one_line(
    project: Project, config: dict[str, Any], message: str
):
    done = project.run(None, selection=BOTH, run_config=_config(**config))
    assert not done.success
    assert message in project.why(done)


def test_without_a_universe_there_is_one_clear_failure(project: Project):
    done = project.run(None, selection=BOTH)
    assert "0 of 20 symbols have prices; at least 17 are needed" in project.why(done)


def test_a_strategy_that_fails_on_a_symbol_is_named(
    priced: Project, monkeypatch: pytest.MonkeyPatch
):
    signals = Rsi.signals
    closes = load_history(
        priced.resource("price_store"), "files", "S03", priced.settings.start, priced.settings.end
    ).history.bars.close

    def fail_on_one(self: Rsi, bars: Any) -> Any:
        if bars.close[-1] == closes[-1]:
            raise ValueError("odd bars")
        return signals(self, bars)

    monkeypatch.setattr(Rsi, "signals", fail_on_one)
    for _ in range(2):  # the second uses what the first one has computed, without that symbol
        done = priced.run(None, selection=BOTH, run_config=_config(points=4))
        assert done.success, priced.why(done)
        (odd,) = [one for one in _failures(priced, done) if one[0] == "optimizations"]
        assert (odd[1:3], odd[3][:8]) == (("S03", "rsi"), "odd bars")
        logged = [one.user_message for one in priced.instance.all_logs(done.run_id)]
        assert logged.count(f"S03, rsi: ValueError: {odd[3]}") == 1
    assert "- S03, rsi: odd bars" in _metadata(priced, "rsi")["failures"]
    assert "S03" not in _metadata(priced, "sma_cross")["failures"]
    assert set(priced.manager.get_trials("rsi")["tested_symbols"]) == {18}


def test_a_ranged_run_of_all_symbols_ends_with_one_sweep(project: Project):
    everything = [*BOTH[:1], "prices", "backtests/rsi"]
    done = project.run(selection=everything, run_config=_config(points=2))
    assert done.success, project.why(done)
    page = project.instance.fetch_materializations(optimizations_key("rsi"), limit=9)
    assert [one.partition_key for one in page.records] == [None]
    assert isinstance(page.records[0], dg.EventLogRecord)


def test_what_failed_before_research_is_one_failure(project: Project):
    project.spoil("S07")
    relaxed = {"resources": {"thresholds": {"config": {"success_rate": 0.9}}}}
    both = _config(points=2) | relaxed
    done = project.run(selection=["prices", *BOTH[:1]], run_config=both)
    assert done.success, project.why(done)
    assert [one[:2] for one in _failures(project, done)] == [("prices", "S07")]
