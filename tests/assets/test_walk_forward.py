"""Walk-forward assets: chosen from the ledger, recorded once, and shown by their values."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dagster as dg
import numpy as np
import pytest

from assets.asset_keys import walk_forward_key
from research.combinatorial_folds import CombinatorialFolds
from research.combinatorial_paths import compute_paths
from research.fold_choices import TrialCurves, WalkForwardProtocol, choose_points
from research.folds import WalkForwardFolds
from strategies.registry import get_strategy
from tests.postgres import fresh_database
from tests.project import SYMBOLS, Project

NAMES = ("macd", "rsi")
SWEPT = ("prices", *(f"optimizations/{name}" for name in NAMES))
WALKED = tuple(f"walk_forward/{name}" for name in NAMES)
FOLDS = {"train": 60, "test": 30, "choice": "best"}
PROTOCOL = "walk_forward anchored 60/30 best"


def _run(
    project: Project, selection: tuple[str, ...], folds: dict[str, Any], **settings: Any
) -> dg.ExecuteInProcessResult:
    config: dict[str, Any] = {"resources": {"run_settings": {"config": settings}}}
    config["ops"] = {"walk_forward": {"config": folds}}
    partitions = (SYMBOLS[0], SYMBOLS[-1]) if "prices" in selection else None
    return project.run(partitions, selection=selection, run_config=config)


def _metadata(result: dg.ExecuteInProcessResult, strategy: str) -> dict[str, Any]:
    (made,) = result.asset_materializations_for_node("walk_forward")[NAMES.index(strategy) :][:1]
    assert made.asset_key == walk_forward_key(strategy)
    return {name: one.value for name, one in made.metadata.items()}


@pytest.fixture(scope="module")
def swept(server: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    """Lend a project with the sweeps of two strategies and their walk-forwards."""
    folder = tmp_path_factory.mktemp("swept")
    with fresh_database(server) as database, Project.opened(folder, database) as project:
        result = _run(project, (*SWEPT, *WALKED), FOLDS)
        assert result.success, project.why(result)
        yield project


def test_choices_and_curves_are_recorded_once(swept: Project):
    trials = swept.manager.get_trials(protocol=PROTOCOL)
    assert sorted(trials["strategy"]) == list(NAMES)
    assert set(trials["purpose"]) == {"walk_forward"}
    scope = trials["scope_id"][0]
    panel = swept.manager.load_trial_panel(scope)
    walked = swept.manager.load_trial_panel(scope, protocol=PROTOCOL)
    again = _run(swept, WALKED, FOLDS)
    assert again.success, swept.why(again)
    for row, name in enumerate(NAMES):
        shown = _metadata(again, name)
        stored = json.loads(Path(shown["path"]).read_text())
        rows = [number for number, one in enumerate(panel.strategies) if one == name]
        points = [get_strategy(name).from_mapping(panel.parameters[number]) for number in rows]
        market = panel.scope.market
        returns = panel.residuals[rows] + panel.betas[rows][:, np.newaxis] * market
        curves = TrialCurves(points, panel.scope.dates, returns, market)
        protocol = WalkForwardProtocol(WalkForwardFolds(60, 30), "best")
        choices = choose_points(curves, protocol)
        assert [one["parameters"] for one in stored["folds"]] == [
            one.point.parameters() for one in choices
        ]
        residual = walked.residuals[row].astype(float)
        assert not residual[:60].any()
        tested = residual[60:]
        year = 252**0.5
        sharpe = tested.mean() / tested.std(ddof=1) * year
        assert shown["residual_sharpe_ratio"] == pytest.approx(sharpe, rel=1e-5)
        assert shown["folds"] == len(choices) == 3
        assert (shown["points"], shown["symbols"]) == (len(points), len(SYMBOLS))
        assert shown["trial"] == str(walked.identifiers[row])
        first = stored["folds"][0]
        assert first["train_start"] == str(panel.scope.dates[0])
        assert first["test_start"] == str(panel.scope.dates[60])
        assert first["in_sample_sharpe_ratio"] == pytest.approx(choices[0].in_sample * year)
        header, _, line, *_ = shown["choices"].split("\n")
        assert header == "|test|trained on|parameters|in sample|out of sample|why|"
        told = ", ".join(f"{key} {value:g}" for key, value in first["parameters"].items())
        days = f"|{first['test_start']} to {first['test_end']}|{first['train_start']} to "
        assert line.startswith(days)
        in_sample, out = first["in_sample_sharpe_ratio"], first["out_of_sample_sharpe_ratio"]
        assert line.endswith(f"|{told}|{in_sample:.3f}|{out:.3f}|{first['why']}|")
    assert len(swept.manager.get_trials(protocol=PROTOCOL)) == 2
    assert "0 new, 2 known" in _log(swept, again)


def _log(project: Project, result: dg.ExecuteInProcessResult) -> str:
    return "\n".join(one.user_message for one in project.instance.all_logs(result.run_id))


def test_each_protocol_that_is_tried_is_a_trial(swept: Project):
    result = _run(swept, WALKED[:1], FOLDS | {"choice": "plateau", "anchored": False})
    assert result.success, swept.why(result)
    trials = swept.manager.get_trials("macd", purpose="walk_forward")
    assert set(trials["protocol"]) == {PROTOCOL, "walk_forward rolling 60/30 plateau"}


def test_a_walk_forward_without_its_file_is_made_again(swept: Project):
    first = _run(swept, WALKED, FOLDS)
    path = Path(_metadata(first, "rsi")["path"])
    text = path.read_text()
    path.write_text(text[:100])
    again = _run(swept, WALKED, FOLDS)
    assert path.read_text() == text
    assert "1 new, 1 known" in _log(swept, again)


def test_a_sweep_by_other_code_is_not_chosen_from(swept: Project, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("assets.sweep_lookup.code_version", lambda _: "of edited code")
    result = _run(swept, WALKED[:1], FOLDS)
    assert not result.success
    assert "There is no sweep of macd on these prices" in swept.why(result)


@pytest.mark.parametrize(
    ("folds", "settings", "why"),
    [
        (
            {"choice": "plato"},
            {},
            "choice is 'plato'; allowed: plateau, best. Did you mean 'plateau'?",
        ),
        ({"train": 1}, {}, "train is 1; allowed: whole numbers from 2."),
        (
            FOLDS,
            {"fees": 0.002},
            ("There is no sweep of macd on these prices, window and settings by this code: "
             "materialize optimizations/macd first."),
        ),
    ],
)  # fmt: skip
def test_what_cannot_be_walked_fails_in_one_line(
    swept: Project, folds: dict[str, Any], settings: dict[str, Any], why: str
):
    result = _run(swept, WALKED[:1], folds, **settings)
    assert not result.success
    assert why in swept.why(result)


def test_a_short_window_has_no_walk_forward_and_says_why(swept: Project):
    result = _run(swept, WALKED, {})
    assert result.success
    days = len(swept.manager.load_trial_panel(_scope(swept)).scope.dates)
    shown = _metadata(result, "rsi")
    assert shown["why"] == (
        f"The window has {days} bars, and walk-forward trains on 252 before the first test; "
        "allowed: windows of 253 bars or more, or a shorter training."
    )


def _scope(project: Project) -> Any:
    return project.manager.get_trials()["scope_id"][0]


def test_combinatorial_paths_are_shown_by_their_values(swept: Project):
    result = _run(swept, WALKED, FOLDS | {"combinatorial_folds": 5})
    assert result.success, swept.why(result)
    scope = swept.manager.get_trials(protocol=PROTOCOL)["scope_id"][0]
    panel = swept.manager.load_trial_panel(scope)
    for name in NAMES:
        rows = [row for row, one in enumerate(panel.strategies) if one == name]
        rows = [row for row in rows if panel.protocols[row] == "backtest"]
        points = [get_strategy(name).from_mapping(panel.parameters[row]) for row in rows]
        market = panel.scope.market
        returns = panel.residuals[rows] + np.outer(panel.betas[rows], market)
        curves = TrialCurves(points, panel.scope.dates, returns, market)
        paths = compute_paths(curves, CombinatorialFolds(5, tested=2), "best")
        sharpes = paths.sharpes * np.sqrt(252)
        shown = _metadata(result, name)
        assert shown["paths"] == 4
        assert shown["paths_below_zero"] == (sharpes < 0).sum()
        values = [
            float(one) for one in shown["path_sharpe_ratios"].splitlines()[-1][1:-1].split("|")
        ]
        expected = np.quantile(sharpes, (0, 0.25, 0.5, 0.75, 1))
        np.testing.assert_allclose(values, expected, atol=0.0006)
