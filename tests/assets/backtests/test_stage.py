"""The step of the backtests: batches, settings and parameters."""

from collections import Counter
from pathlib import Path
from typing import Any

import pytest

import assets.backtests.stage
from engine.backtest import VectorBTEngine
from strategies.registry import registered_strategies
from tests.project import START, SYMBOLS, Project

ALL = ["prices", *(f"backtests/{name}" for name in registered_strategies()), "backtest_summaries"]


def _config(**settings: Any) -> dict[str, Any]:
    return {"resources": {"run_settings": {"config": settings}}}


def test_prices_are_loaded_once_and_the_engine_runs_per_batch(
    project: Project, monkeypatch: pytest.MonkeyPatch
):
    assert project.run((SYMBOLS[0], SYMBOLS[4]), selection=["prices"]).success
    loads: Counter[str] = Counter()
    calls: list[tuple[int, int]] = []
    load, run = assets.backtests.stage.load_histories, VectorBTEngine.run_batches

    def counted_load(*args: Any) -> Any:
        for symbol, loaded in load(*args):
            loads[symbol] += 1
            yield symbol, loaded

    def counted_run(self: Any, histories: Any, strategies: Any, *rest: Any) -> Any:
        if rest[0].start == START:  # not the probe, which has its own windows
            calls.append((len(histories), len(strategies)))
        return run(self, histories, strategies, *rest)

    monkeypatch.setattr(assets.backtests.stage, "load_histories", counted_load)
    monkeypatch.setattr(VectorBTEngine, "run_batches", counted_run)
    config = _config(universe_benchmark=False, batch_size=2)
    backtests = ALL[1:-1]
    result = project.run((SYMBOLS[0], SYMBOLS[4]), selection=backtests, run_config=config)
    assert result.success, project.why(result)
    assert loads == dict.fromkeys(SYMBOLS[:5], 1)
    strategies = len(registered_strategies())
    assert calls == [(2, strategies), (2, strategies), (1, strategies)]


def test_a_batch_of_failures_is_an_empty_part(project: Project):
    assert project.run((SYMBOLS[0], SYMBOLS[5]), selection=["prices"]).success
    store = project.resource("price_store")
    for symbol in SYMBOLS[2:4]:
        Path(store.path_of("files", symbol)).write_bytes(b"damaged")
    config = _config(batch_size=2)
    result = project.run((SYMBOLS[0], SYMBOLS[5]), selection=["backtests/rsi"], run_config=config)
    files = project.resource("backtest_files")
    assert files.parts(result.run_id) == [0, 1, 2]
    made = [set(files.read_part(result.run_id, part).results["symbol"]) for part in range(3)]
    assert made == [{"S00", "S01"}, set(), {"S04", "S05"}]
    failures = project.manager.get_failures(result.run_id)
    assert [(row["symbol"], row["error_class"]) for row in failures] == [
        ("S02", "CorruptBarsError"),
        ("S03", "CorruptBarsError"),
    ]


@pytest.mark.parametrize(
    ("setting", "value", "stored"),
    [
        ("direction", "short", "short"),
        ("direction", "both", "both"),
        ("stop_loss", 0.02, 0.02),
        ("trailing_stop", 0.03, 0.03),
        ("take_profit", 0.04, 0.04),
        ("stop_loss", None, None),
        ("trailing_stop", None, None),
        ("take_profit", None, None),
    ],
)
def test_run_config_sets_one_setting_and_keeps_the_defaults(
    project: Project, setting: str, value: Any, stored: Any
):
    selection = ["prices", "backtests/momentum", "backtest_summaries"]
    config = _config(**{setting: value})
    result = project.run((SYMBOLS[0], SYMBOLS[1]), selection=selection, run_config=config)
    assert result.success, project.why(result)
    rows = project.manager.get_backtests_by_strategy("momentum")
    defaults = {"direction": "long", "stop_loss": None, "trailing_stop": None, "take_profit": None}
    for row in rows:
        assert {name: row["settings"][name] for name in defaults} == defaults | {setting: stored}
    trades = [
        trade
        for row in rows
        for trade in (project.manager.get_backtest_by_id(row["id"]) or {})["trades"]
    ]
    ways = {trade["direction"] for trade in trades}
    assert ways == {"short": {"short"}, "both": {"long", "short"}}.get(str(stored), {"long"})
    ends = {trade["exit_reason"] for trade in trades}
    allowed = {"open", "signal"} | ({setting} if isinstance(stored, float) else set())
    assert ends <= allowed
    assert not isinstance(stored, float) or setting in ends


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"batch_size": 0}, "batch_size is 0; allowed: 1 or more."),
        ({"direction": "up"}, "direction is 'up'; allowed: long, short, both."),
        ({"stop_loss": 1.5}, "stop_loss is 1.5; allowed: above 0, below 1."),
        (
            {"parameters": {"rsi": {"overbougt": 80}}},
            (
                "rsi has no parameter 'overbougt'. Did you mean 'overbought'? "
                "Allowed: period, oversold, overbought."
            ),
        ),
    ],
)
def test_invalid_run_config_is_refused_before_prices_are_fetched(
    project: Project, settings: dict[str, Any], message: str
):
    result = project.run("S00", selection=ALL, run_config=_config(**settings))
    assert not result.success
    assert project.why(result) == f"prices: {message}"
    assert project.shown_error(result) == message
    assert not project.materialized("prices")


def test_run_config_sets_a_parameter_of_a_strategy(project: Project):
    selection = ["prices", "backtests/rsi", "backtests/macd", "backtest_summaries"]
    config = _config(parameters={"rsi": {"period": 7}})
    result = project.run("S00", selection=selection, run_config=config)
    assert result.success, project.why(result)
    (rsi,), (macd,) = map(project.manager.get_backtests_by_strategy, ("rsi", "macd"))
    assert rsi["parameters"] == {"period": 7, "oversold": 30, "overbought": 70}
    assert macd["parameters"]["fast_period"] == 12


def test_parameters_are_checked_if_prices_are_not_selected(project: Project):
    config = _config(parameters={"rsi": {"period": 1}})
    result = project.run("S00", selection=["backtests/macd"], run_config=config)
    assert project.why(result).startswith("backtests: rsi needs period of 2")


def test_the_profile_has_source_requests_and_indicator_hits(project: Project):
    project.spoil("S01")
    result = project.run((SYMBOLS[0], SYMBOLS[6]), selection=ALL)
    run = project.manager.get_run(result.run_id)
    assert run is not None
    assert run["profile"]["prices"]["source_requests"] == 7
    backtests = run["profile"]["backtests"]
    # Some strategies use the same averages of a symbol.
    assert backtests["indicator_hits"] > 0
    assert backtests["indicator_misses"] > 0
    assert run["profile"]["backtest_summaries"]["database_seconds"] > 0
    assert [row["symbol"] for row in project.manager.get_universe(result.run_id)] == list(SYMBOLS)
