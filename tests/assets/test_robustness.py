"""Assets of robustness: their numbers, what the UI shows of them, and what is known already."""

import json
import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import dagster as dg
import numpy as np
import pytest

from assets.research_inputs import ResearchInputs
from assets.robustness_report import NOTHING_TRADED
from research.protocol_version import robustness_version
from research.residuals import hedge_across_folds
from research.robustness.assessment import Robustness, SweptPoints, assess_robustness
from research.robustness.day_permutation import DayPermutation
from research.robustness.permuted_sweep import compare_sweep_with_permuted_days
from research.robustness.record import describe_robustness
from strategies.registry import get_strategy
from strategies.rsi import Rsi
from tests.histories import load_history
from tests.postgres import fresh_database
from tests.project import SYMBOLS, Project

PARAMETERS = {"rsi": {"period": 7}, "sma_cross": {"fast_period": 10, "slow_period": 30}}
RANGES = {"rsi": {"period": [5, 7, 9]}, "sma_cross": {"fast_period": [5, 10], "slow_period": [30]}}
SWEPT = ("prices", *(f"optimizations/{name}" for name in PARAMETERS))
TESTED = tuple(f"robustness/{name}" for name in PARAMETERS)


def _run(
    project: Project, selection: tuple[str, ...], permutations: int = 0, **settings: Any
) -> dg.ExecuteInProcessResult:
    ops: dict[str, Any] = {}
    if "prices" in selection:
        ops["optimizations"] = {"config": {"ranges": RANGES}}
    if TESTED[0] in selection:
        ops["robustness"] = {"config": {"permutations": permutations}}
    settings = {"parameters": PARAMETERS} | settings
    config = {"ops": ops, "resources": {"run_settings": {"config": settings}}}
    partitions = (SYMBOLS[0], SYMBOLS[-1]) if "prices" in selection else None
    return project.run(partitions, selection=selection, run_config=config)


def _metadata(result: dg.ExecuteInProcessResult) -> dict[str, dict[str, Any]]:
    return {
        made.asset_key.path[-1]: {name: one.value for name, one in made.metadata.items()}
        for made in result.asset_materializations_for_node("robustness")
    }


def _log(project: Project, result: dg.ExecuteInProcessResult) -> str:
    return "\n".join(one.user_message for one in project.instance.all_logs(result.run_id))


@pytest.fixture(scope="module")
def tested(
    server: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Project, dict[str, dict[str, Any]]]]:
    """Lend a project with the tests of two strategies, in one step, and what they show."""
    folder = tmp_path_factory.mktemp("tested")
    with fresh_database(server) as database, Project.opened(folder, database) as project:
        result = _run(project, (*SWEPT, *TESTED), permutations=3)
        assert result.success, project.why(result)
        steps = [one.step_key for one in result.all_events if one.is_step_success]
        assert steps.count("robustness") == 1
        yield project, _metadata(result)


def test_what_is_shown_are_the_numbers_of_research(tested):
    project, shown = tested
    settings = project.resource("run_settings").backtest_settings()
    window = project.resource("run_settings").window()
    store, start = project.resource("price_store"), project.resource("run_settings").history_start()
    histories = [load_history(store, "files", name, start, window.end).history for name in SYMBOLS]
    panel = project.manager.load_trial_panel(project.manager.get_trials()["scope_id"][0])
    strategies = [get_strategy(name).from_mapping(given) for name, given in PARAMETERS.items()]
    raw = panel.residuals + np.outer(panel.betas, panel.scope.market)
    curves = hedge_across_folds(raw, panel.scope.market)
    sweeps: dict[str, SweptPoints] = {}
    for name in PARAMETERS:
        rows = [number for number, one in enumerate(panel.strategies) if one == name]
        points = [get_strategy(name).from_mapping(panel.parameters[row]) for row in rows]
        sweeps[name] = SweptPoints(points, curves[rows])
    found = assess_robustness(
        histories, strategies, settings, window, bars_per_year=252.0, sweeps=sweeps
    )
    for one in found:
        permuted = compare_sweep_with_permuted_days(
            sweeps[one.strategy].points,
            histories,
            settings,
            window,
            bars_per_year=252.0,
            permutations=3,
        )
        metadata = shown[one.strategy]
        stored = json.loads(Path(metadata["path"]).read_text())
        assert stored.pop("parameters") == metadata["parameters"]
        assert stored.pop("version") == robustness_version(type(get_strategy(one.strategy)()))
        assert one.symbols == metadata["symbols"] == len(SYMBOLS)
        assert stored == json.loads(json.dumps(describe_robustness(one, permuted)))
        assert metadata["parameters"].items() >= PARAMETERS[one.strategy].items()
        _look_at_headlines(metadata, one, permuted.p_value)
        _look_at_tables(metadata, one, permuted)
    assert len(found[0].jittered) == 2, "5 and 9, beside 7"
    assert len(found[1].jittered) == 1


def _look_at_headlines(shown: Mapping[str, Any], one: Robustness, permuted: float) -> None:
    near = [other.performance.annual_sharpe for other in one.jittered]
    starts = [other.performance.annual_sharpe for other in one.shifted_starts]
    assert {name: value for name, value in shown.items() if isinstance(value, float)} == {
        "residual_sharpe_ratio": one.own.annual_sharpe,
        "residual_sharpe_ratio_low": one.intervals.annual_sharpe[0],
        "residual_sharpe_ratio_high": one.intervals.annual_sharpe[1],
        "residual_return": one.own.annual_return,
        "residual_return_low": one.intervals.annual_return[0],
        "residual_return_high": one.intervals.annual_return[1],
        "random_entries_p_value": one.random_entries.p_value,
        "shuffled_drawdown_95": one.trade_shuffle.high,
        "doubled_costs_sharpe_ratio": one.doubled_costs.annual_sharpe,
        "shifted_starts_lowest_sharpe_ratio": min(starts),
        "shifted_starts_highest_sharpe_ratio": max(starts),
        "neighbours_lowest_sharpe_ratio": min(near),
        "neighbours_highest_sharpe_ratio": max(near),
        "permuted_days_p_value": permuted,
    }
    assert shown["positions"] == one.random_entries.positions


def _look_at_tables(shown: Mapping[str, Any], one: Robustness, permuted: DayPermutation) -> None:
    def row(*cells: float | str | None) -> str:
        said = ["-" if cell is None else _cell(cell) for cell in cells]
        return f"|{'|'.join(said)}|"

    near = [other.performance.annual_sharpe for other in one.jittered]
    starts = [other.performance.annual_sharpe for other in one.shifted_starts]
    days = ", ".join(str(other.start) for other in one.shifted_starts)
    shuffle, own = one.trade_shuffle, one.own
    assert shown["tests"].splitlines() == [
        "|test|value|low|high|meaning|",
        "|---|--:|--:|--:|---|",
        row("Sharpe ratio", own.annual_sharpe, *one.intervals.annual_sharpe, "95% interval"),
        row("return", own.annual_return, *one.intervals.annual_return, "95% interval"),
        row(
            "random entries: p-value", one.random_entries.p_value, None, None,
            f"share of {one.random_entries.places} places where its positions earn as much",
        ),
        row(
            "shuffled trades: drawdown", shuffle.median, shuffle.low, shuffle.high,
            f"median, 5% and 95% of orders; {shuffle.drawdown:.3f} in their own",
        ),
        row(
            "permuted days: p-value", permuted.p_value,
            min(permuted.permuted), max(permuted.permuted),
            f"the sweep's highest Sharpe ratio is {permuted.statistic:.3f}; range on 3 orders",
        ),
        row("doubled costs: Sharpe ratio", one.doubled_costs.annual_sharpe, None, None,
            "simulated again"),
        row("shifted starts: Sharpe ratio", None, min(starts), max(starts), f"from {days} on"),
        row("neighbours: Sharpe ratio", None, min(near), max(near),
            f"points of the sweep, one step away: {len(near)}"),
    ]  # fmt: skip
    regimes = {f"{name} market": part for name, part in one.regimes.items()}
    assert shown["periods"].splitlines()[2:] == [
        f"|{name}|{part.bars}|{_cell(part.annual_sharpe)}|{_cell(part.annual_return)}|"
        for name, part in (dict(one.years) | regimes).items()
    ]
    assert [*one.years] == ["2022"]


def _cell(value: float | str) -> str:
    if isinstance(value, str):
        return value
    return "-" if math.isnan(value) else f"{value:.3f}"


def test_known_tests_are_read_and_not_run_again(tested, monkeypatch: pytest.MonkeyPatch):
    project, _ = tested
    first = _run(project, TESTED, ignore_cache=True)
    assert "2 of 2 strategies tested" in _log(project, first)
    monkeypatch.setattr(ResearchInputs, "histories", None)
    again = _run(project, TESTED)
    assert "0 of 2 strategies tested" in _log(project, again)
    assert _metadata(again) == _metadata(first)
    assert "permuted_days_p_value" not in _metadata(again)["rsi"]
    monkeypatch.undo()
    path = Path(_metadata(first)["rsi"]["path"])
    text = path.read_text()
    path.write_text(text[:100])
    repaired = _run(project, TESTED)
    assert "1 of 2 strategies tested" in _log(project, repaired)
    assert path.read_text() == text
    others = _run(project, TESTED, parameters={"rsi": {"period": 9}, **_of("sma_cross")})
    assert "1 of 2 strategies tested" in _log(project, others)


def _of(strategy: str) -> dict[str, Any]:
    return {strategy: PARAMETERS[strategy]}


def test_a_symbol_that_fails_in_the_tests_alone_is_a_failure(
    tested, monkeypatch: pytest.MonkeyPatch
):
    project, _ = tested
    store, window = project.resource("price_store"), project.resource("run_settings").window()
    odd = load_history(store, "files", "S03", window.start, window.end).history.bars.close[-1]
    signals = Rsi.signals

    def fail_on_one(self: Rsi, bars: Any) -> Any:
        if bars.close[-1] == odd:
            raise ValueError("odd bars")
        return signals(self, bars)

    monkeypatch.setattr(Rsi, "signals", fail_on_one)
    result = _run(project, TESTED, ignore_cache=True)
    assert result.success, project.why(result)
    shown = _metadata(result)
    assert shown["rsi"]["symbols"] == 19
    assert shown["rsi"]["failures"].startswith("- S03, rsi: odd bars")
    assert shown["sma_cross"]["symbols"] == 20
    assert "failures" not in shown["sma_cross"]
    (row,) = project.manager.get_failures(result.run_id)
    assert (row["stage"], row["symbol"], row["strategy"]) == ("robustness", "S03", "rsi")
    assert (row["error_class"], row["message"][:8]) == ("ValueError", "odd bars")


def test_what_cannot_be_tested_says_why(tested):
    project, _ = tested
    never = {"rsi": {"oversold": 0.0}, **_of("sma_cross")}
    result = _run(project, TESTED, parameters=never)
    shown = _metadata(result)["rsi"]
    assert (shown["positions"], shown["why"]) == (0, NOTHING_TRADED)
    short = _run(project, TESTED, start="2022-12-01")
    assert short.success, project.why(short)
    why = "The window has 21 bars; allowed: windows of 30 bars or more."
    assert [one["why"] for one in _metadata(short).values()] == [why] * 2
    lost = _run(project, TESTED, fees=0.002)
    assert not lost.success
    assert "materialize optimizations/rsi first." in project.why(lost)
