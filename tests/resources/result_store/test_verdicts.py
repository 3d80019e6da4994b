"""Verdicts in the store: what comes back, of which run, and for which leaderboard or ranking."""

import json
import math
from collections.abc import Mapping
from datetime import date
from typing import Any
from uuid import UUID

import numpy as np
import pytest
from sqlalchemy.exc import IntegrityError

from research.purpose import Purpose
from research.trial_panel import TrialPanel
from research.trials import Trial
from research.verdicts.criteria import Criterion
from research.verdicts.hedge import Hedge
from research.verdicts.judgement import reach_verdicts
from research.verdicts.rows import VERDICTS_SCHEMA
from research.verdicts.strategy_verdict import BestPoint, StrategyVerdict
from resources.result_store.manager import BacktestPersistenceManager
from tests.research.verdicts.panels import grid, noise, panel, walked
from tests.resources.result_store import leaderboards
from tests.resources.result_store.rows import END, START, identifier, record_run, result, save
from tests.resources.result_store.trials.ledger import scope, trial

BEST = BestPoint({"fast_period": 5}, 1.75, 0.999, 0.9375, math.inf, 2.5)


def reached(strategy: str = "rsi", **changes: Any) -> StrategyVerdict:
    """Return a deployable strategy, with given changes."""
    given: dict[str, Any] = {
        "strategy": strategy,
        "hedge": Hedge.POSITIONS,
        "grid": Criterion(1.25, 0.01, 0.05),
        "best_point": Criterion(1.75, 0.02, 0.10),
        "selection": Criterion(0.125, 0.125, 0.20),
        "walk_forward": Criterion(1.5, 0.004, 0.025),
        "trials": 12,
        "active_trials": 10,
        "competing_trials": 300,
        "effective_trials": 29.5,
        "protocol": "walk_forward anchored 252/63 plateau",
        "protocols": 2,
        "overfitting": 0.25,
        "best": BEST,
    }
    return StrategyVerdict(**{**given, **changes})


NOTHING = {"walk_forward": Criterion(math.nan, 1.0, 0.025), "protocol": "", "protocols": 0}
IDLE = {"active_trials": 0, "best": None, "overfitting": None, "grid": Criterion(math.nan, 1, 0.05)}


def judged(
    manager: BacktestPersistenceManager,
    run_id: str,
    *verdicts: Any,
    code: str = "code-1",
    **of: Any,
) -> UUID:
    """Save verdicts on a scope that the ledger knows, of a version; return its identifier."""
    judged_scope = scope(**of)
    manager.record_trials(judged_scope, [trial()], purpose=Purpose.SWEEP, run_id=run_id)
    versions = {one.strategy: code for one in verdicts}
    manager.save_verdicts(run_id, judged_scope.identifier, verdicts, versions)
    return judged_scope.identifier


def test_verdicts_come_back_as_they_were_reached(manager: BacktestPersistenceManager):
    given = [reached("rsi"), reached("macd", **NOTHING), reached("idle", **NOTHING, **IDLE)]
    identity = judged(manager, "run-1", *given)
    frame = manager.get_verdicts("run-1")
    assert frame.schema == VERDICTS_SCHEMA
    idle, macd, rsi = frame.to_dicts()
    assert json.loads(rsi.pop("best_parameters")) == {"fast_period": 5}
    assert json.loads(rsi.pop("limits")) == {
        "grid_p_value": 0.05,
        "best_p_value": 0.10,
        "loss_share": 0.20,
        "walk_forward_p_value": 0.025,
    }
    assert rsi.pop("made_at").tzinfo is not None
    assert rsi == {
        "strategy": "rsi",
        "verdict": "deployable",
        "reason": "",
        "hedge": "positions",
        "grid_sharpe_ratio": 1.25,
        "grid_p_value": 0.01,
        "best_sharpe_ratio": 1.75,
        "best_p_value": 0.02,
        "psr": 0.999,
        "dsr": 0.9375,
        # Infinite: no track record is long enough.
        "min_track_record_years": None,
        "min_backtest_years": 2.5,
        "loss_share": 0.125,
        "overfitting_share": 0.25,
        "walk_forward_sharpe_ratio": 1.5,
        "walk_forward_p_value": 0.004,
        "walk_forward_protocol": "walk_forward anchored 252/63 plateau",
        "walk_forward_protocols": 2,
        "trials": 12,
        "active_trials": 10,
        "competing_trials": 300,
        "effective_trials": 29.5,
        "source": "synthetic",
        "start_date": scope().start_date,
        "end_date": scope().end_date,
        "run_id": "run-1",
        "scope_id": str(identity),
    }
    assert (macd["verdict"], macd["reason"]) == ("promising", "there is no walk-forward")
    assert (macd["walk_forward_sharpe_ratio"], macd["walk_forward_p_value"]) == (None, 1.0)
    undefined = ("grid_sharpe_ratio", "best_sharpe_ratio", "psr", "overfitting_share")
    assert [idle[name] for name in undefined] == [None] * 4
    assert (idle["verdict"], idle["best_parameters"]) == ("rejected", "{}")


def test_verdicts_of_a_what_if_are_those_of_its_run_alone(manager: BacktestPersistenceManager):
    judged(manager, "run-1", reached())
    judged(manager, "run-2", reached(trials=13))
    record_run(manager, run_id="run-1")
    assert manager.get_verdicts()["run_id"].to_list() == ["run-2"], "nothing is known of its run"
    record_run(manager, run_id="run-2", purpose=Purpose.WHAT_IF)
    assert manager.get_verdicts()["run_id"].to_list() == ["run-1"]
    assert manager.get_verdicts("run-2")["trials"].to_list() == [13]


def test_a_run_has_the_verdicts_that_it_reached_last(manager: BacktestPersistenceManager):
    assert manager.get_verdicts().is_empty()
    judged(manager, "run-1", reached("rsi"), reached("macd"))
    judged(manager, "run-2", reached("rsi", **NOTHING))
    assert manager.get_verdicts()["verdict"].to_list() == ["promising"]
    judged(manager, "run-1", reached("momentum"))
    assert manager.get_verdicts("run-1")["strategy"].to_list() == ["momentum"]
    assert manager.get_verdicts()["run_id"].to_list() == ["run-1"]
    assert manager.get_verdicts("other").is_empty()


OF_LEADERBOARD: Mapping[str, Any] = {
    "symbols": ("S1", "S0"),
    "start_date": START,
    "end_date": END,
    "settings": result()["settings"],
}


@pytest.mark.parametrize(
    "other",
    [
        {"source": "sample"},
        {"start_date": date(2020, 1, 1)},
        {"end_date": date(2024, 1, 1)},
        {"settings": {"fees": 0.0}},
        {"symbols": ("S0", "S1", "S2")},
        {"symbols": ("S0",)},
        {"code": "code-0"},
    ],
    ids=lambda other: f"{next(iter(other))} {len(str(other))}",
)
def test_a_leaderboard_shows_verdicts_on_the_same(
    shared_manager: BacktestPersistenceManager, other: dict[str, Any]
):
    # Whatever the prices were: the newest verdict on the same source, window and settings.
    name = str(other)
    judged(shared_manager, f"1 {name}", reached(name, **NOTHING), **OF_LEADERBOARD)
    judged(shared_manager, f"2 {name}", reached(name), data_version="2", **OF_LEADERBOARD)
    judged(shared_manager, f"3 {name}", reached(name, **NOTHING), **{**OF_LEADERBOARD, **other})
    found = shared_manager.find_verdicts(leaderboards.scope(name))
    assert found == {name: "deployable"}
    of_runs = shared_manager.find_verdicts(leaderboards.scope(name), [f"1 {name}", f"3 {name}"])
    assert of_runs == {name: "promising"}
    assert shared_manager.find_verdicts(leaderboards.scope(name), ["other"]) == {}


def test_rankings_say_the_verdict_of_each_strategy(manager: BacktestPersistenceManager):
    rows = [result(strategy="rsi", symbol=one, sharpe_ratio=2.0) for one in ("S0", "S1")]
    rows.append(result(strategy="macd", symbol="S0", sharpe_ratio=1.0))
    save(manager, *rows)
    judged(manager, "old", reached("rsi"), reached("macd"), **OF_LEADERBOARD)
    judged(manager, "new", reached("rsi", **NOTHING), **OF_LEADERBOARD)
    judged(manager, "costs", reached("rsi"), **{**OF_LEADERBOARD, "settings": {"fees": 0.0}})
    judged(manager, "code", reached("rsi"), code="code-0", **OF_LEADERBOARD)
    best = manager.get_best_performing_strategies()
    assert [(one["strategy"], one["symbol"], one["verdict"]) for one in best] == [
        ("rsi", "S0", "promising"),
        ("rsi", "S1", "promising"),
        ("macd", "S0", "deployable"),
    ]
    compared = manager.compare_strategies()
    assert [(one["strategy"], one["verdict"], one["symbols"]) for one in compared] == [
        ("rsi", "promising", 2),
        ("macd", "deployable", 1),
    ]
    other = result(strategy="rsi", start_date=date(2020, 1, 1))
    save(manager, other, run_id="run-2")
    single = manager.compare_strategies([identifier(rows[0]), identifier(other)])
    assert [one["verdict"] for one in single["backtests"]] == ["promising", None]
    # A symbol whose newest result is of other code, which was judged otherwise.
    save(manager, result(strategy="rsi", symbol="S0", code_version="code-0"), run_id="run-3")
    (rsi,) = manager.compare_strategies(strategies="rsi")
    assert (rsi["verdict"], rsi["symbols"]) == (None, 2)
    best = manager.get_best_performing_strategies()
    verdicts = {(one["strategy"], one["symbol"]): one["verdict"] for one in best}
    assert (verdicts["rsi", "S0"], verdicts["rsi", "S1"]) == ("deployable", "promising")


def test_a_database_refuses_a_verdict_that_there_is_not(manager: BacktestPersistenceManager):
    judged(manager, "run-1", reached())
    for change in ("verdict = 'perhaps'", "psr = 'NaN'", "min_track_record_years = 'Infinity'"):
        with pytest.raises(IntegrityError), manager.engine.begin() as connection:
            connection.exec_driver_sql(f"UPDATE verdicts SET {change}")


def test_ledger_and_memory_give_the_same_verdicts(manager: BacktestPersistenceManager):
    # In the order of the ledger, which has the same bits every time.
    tried = [*grid("noise", 0.0, seed=20), *grid("strong", 2.5), walked("strong", 2.0)]
    in_memory = panel(tried)
    fresh = [_trial(in_memory, row) for row in range(len(tried))]
    manager.record_trials(in_memory.scope, fresh, purpose=Purpose.SWEEP, run_id="run-1")
    versions = dict.fromkeys(["noise", "strong"], "code-1")
    expected = reach_verdicts(in_memory, versions, versions)
    stored = manager.load_competing_trials(in_memory.scope)
    found = reach_verdicts(stored, versions, versions)
    assert repr(found) == repr(expected)  # to the last digit; NaN is not equal to itself
    assert [one.verdict for one in found] == ["rejected", "deployable"]
    # One more try by another version of the code competes, and is not the strategy's own.
    curve = noise(5, 9.0).astype(np.float32)
    of_none = np.zeros(len(curve), dtype=np.float16)
    older = Trial("strong", {"period": 999}, "code-0", "backtest", 2, 0.5, 0.4, curve, of_none)
    manager.record_trials(in_memory.scope, [older], purpose=Purpose.SWEEP, run_id="run-0")
    stored = manager.load_competing_trials(in_memory.scope)
    _, again = reach_verdicts(stored, versions, versions)
    assert (again.trials, again.competing_trials) == (6, 13)
    assert again.effective_trials > found[1].effective_trials + 0.5


def _trial(of: TrialPanel, row: int) -> Trial:
    return Trial(
        strategy=of.strategies[row],
        parameters=of.parameters[row],
        code_version=of.code_versions[row],
        protocol=of.protocols[row],
        tested_symbols=2,
        activity=float(of.activity[row]),
        beta=float(of.betas[row]),
        residual=of.residuals[row],
        exposure=of.exposures[row],
    )
