"""Every run of backtests adds its trials to the ledger: once, with its curve, purpose and user."""

from typing import Any

import numpy as np
import polars as pl
import pytest

from research.residuals import compute_residuals
from resources.run_artifacts.backtest_files import BacktestFiles
from tests.assets.backtests.ran import Ran, run_backtests
from tests.assets.requests.test_requests import run_request
from tests.project import SYMBOLS, Project

SOME = SYMBOLS[:3]


@pytest.fixture
def ran(project: Project) -> Ran:
    """Lend a run on three symbols of a universe whose prices are all stored."""
    assert project.run(selection=["prices"]).success
    return run_backtests(project)


def _curve(ran: Ran, strategy: str) -> np.ndarray:
    """Return the mean of the accounts' returns by day, from the stored equity."""
    mine = ran.rows.filter(strategy=strategy)
    curves = ran.curves.join(mine, left_on="backtest_id", right_on="id", how="semi")
    wide = curves.pivot("backtest_id", index="date", values="equity").sort("date")
    equity = wide.drop("date").to_numpy()
    before = np.vstack([np.full(equity.shape[1], 10_000.0), equity[:-1]])
    return (equity / before - 1.0).mean(axis=1)


def _forget(project: Project) -> None:
    """Empty the ledger, as a database is that an earlier version has filled."""
    with project.manager.engine.begin() as connection:
        for table in ("trial_records", "trial_scopes"):
            connection.exec_driver_sql(f"ALTER TABLE {table} DISABLE TRIGGER append_only")
            connection.exec_driver_sql(f"DELETE FROM {table}")
            connection.exec_driver_sql(f"ALTER TABLE {table} ENABLE TRIGGER append_only")


def _panel(project: Project) -> Any:
    (scope,) = project.manager.get_trials()["scope_id"].unique()
    return project.manager.load_trial_panel(scope)


def test_each_strategy_of_a_run_is_a_trial_with_its_residual(ran: Ran):
    trials = ran.project.manager.get_trials()
    assert trials.select("strategy", "purpose", "run_id", "tested_symbols").rows() == [
        (name, "pipeline", ran.result.run_id, 3) for name in ("macd", "rsi")
    ]
    panel = _panel(ran.project)
    assert panel.scope.symbols == SOME
    assert panel.scope.universe_version == ran.rows["universe_version"][0]
    raw = np.array([_curve(ran, name) for name in panel.strategies])
    residuals, betas = compute_residuals(raw, panel.scope.market)
    assert panel.residuals == pytest.approx(residuals, abs=1e-8)
    assert panel.betas == pytest.approx(betas)
    assert (panel.residuals != 0).any()


def test_a_known_run_adds_no_trial_and_reads_no_curve(ran: Ran, monkeypatch: pytest.MonkeyPatch):
    def refuse(*_: Any) -> Any:
        raise AssertionError("a curve was read")

    monkeypatch.setattr(BacktestFiles, "equity_parts", refuse)
    before = ran.project.manager.get_trials()
    assert run_backtests(ran.project).cached == {"macd": 3, "rsi": 3}
    assert ran.project.manager.get_trials().equals(before)


def test_trials_of_cached_results_have_the_same_bits(ran: Ran):
    before = _panel(ran.project)
    _forget(ran.project)
    assert run_backtests(ran.project, batch_size=2).cached == {"macd": 3, "rsi": 3}
    after = _panel(ran.project)
    assert after.identifiers == before.identifiers
    assert after.residuals.tobytes() == before.residuals.tobytes()
    assert after.exposures.tobytes() == before.exposures.tobytes()
    assert 0.1 < before.exposures.mean() < 0.9


def test_a_run_of_partly_cached_results_is_a_trial_of_all(ran: Ran):
    more = (SYMBOLS[0], SYMBOLS[3])
    second = run_backtests(ran.project, more)
    assert (second.cached, second.computed) == ({"macd": 3, "rsi": 3}, {"macd": 1, "rsi": 1})
    trials = ran.project.manager.get_trials("rsi", symbols=SYMBOLS[3])
    assert trials["tested_symbols"].to_list() == [4]
    panel = ran.project.manager.load_trial_panel(trials["scope_id"][0])
    raw = np.array([_curve(second, name) for name in panel.strategies])
    assert panel.residuals == pytest.approx(compute_residuals(raw, panel.scope.market)[0], abs=1e-8)


def test_purpose_and_user_of_every_run_are_recorded(ran: Ran):
    project = ran.project
    config = {"resources": {"run_settings": {"config": {"fees": 0.01}}}}
    selection = ["backtests/rsi"]
    tags = {"user": "ann"}
    assert project.run("S00", selection=selection, run_config=config, tags=tags).success
    asked = {"user": "bob", "symbols": ["S03", "S01"], "strategy": "rsi"}
    assert run_request(project, asked).success
    other = {**asked, "user": "cy", "symbols": ["S01", "S03"]}
    assert run_request(project, other).success  # the same trial: bob was the first
    columns = ["purpose", "run_user", "universe_symbols"]
    assert project.manager.get_trials("rsi").select(columns).rows() == [
        ("pipeline", None, 3),
        ("what_if", "ann", 1),
        ("request", "bob", 2),
    ]


def test_without_a_universe_the_curve_is_raw(ran: Ran):
    raw = run_backtests(ran.project, universe_benchmark=False)
    trials = ran.project.manager.get_trials().filter(pl.col("universe_version").is_null())
    panel = ran.project.manager.load_trial_panel(trials["scope_id"][0])
    assert panel.betas.tolist() == [0.0, 0.0]
    assert not panel.scope.market.any()
    expected = [_curve(raw, name) for name in panel.strategies]
    assert panel.residuals == pytest.approx(np.array(expected), abs=1e-8)
