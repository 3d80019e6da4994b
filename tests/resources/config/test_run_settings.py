import re
from datetime import date
from typing import Any

import dagster as dg
import pytest
from pydantic import ValidationError

from engine.errors import InvalidSettingsError
from engine.settings import BacktestSettings, Window
from resources.config.run_settings import RunSettings
from strategies.ensemble import Ensemble
from strategies.errors import GauntletError
from strategies.rsi import Rsi
from strategies.sma_cross import SmaCross


def _settings(**changes: Any) -> RunSettings:
    return RunSettings(**{"start": "2021-01-01", "end": "2023-12-31", **changes})


def test_the_defaults_are_those_of_the_engine():
    assert _settings().backtest_settings() == BacktestSettings()


def test_every_setting_reaches_the_engine():
    settings = {
        "initial_capital": 5000.0,
        "fees": 0.002,
        "slippage": 0.003,
        "execution": "same_close",
        "bars_per_year": 365.0,
        "direction": "both",
        "stop_loss": 0.05,
        "trailing_stop": 0.1,
        "take_profit": 0.2,
        "require_volume": False,
    }
    assert _settings(**settings).backtest_settings().as_dict() == settings


def test_costs_reach_the_engine_and_are_stored():
    costs: list[dict[str, Any]] = [{"model": "lots"}, {"model": "per_order", "amount": 1}]
    settings = _settings(costs=costs)
    settings.check()
    assert settings.backtest_settings() == BacktestSettings(costs=costs)
    stored = settings.stored_settings()
    assert stored["costs"] == [
        {"model": "per_order", "amount": 1.0},
        {"model": "lots", "size": 1.0},
    ]
    assert "fees" not in stored


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"costs": [{"model": "lot"}]}, "no model 'lot'. Did you mean 'lots'?"),
        ({"costs": [{"model": "lots"}], "fees": 0.002}, "fees is 0.002 beside costs"),
        (
            {"costs": [{"model": "half_spread", "column": "half_spread"}]},
            "source sample has none; allowed: basis_points, or source files.",
        ),
        (
            {"costs": [{"model": "cash_interest", "rates": {"2021-01-02": 0.01}}]},
            "begin on 2021-01-02, after the window's start on 2021-01-01",
        ),
    ],
)
def test_costs_that_a_run_cannot_have_are_refused(change: dict[str, Any], text: str):
    with pytest.raises(InvalidSettingsError, match=re.escape(text)):
        _settings(**change).check("sample")


def test_half_spreads_are_taken_of_price_files():
    _settings(costs=[{"model": "half_spread", "column": "half_spread"}]).check("files")


@pytest.mark.parametrize("name", ["stop_loss", "trailing_stop", "take_profit"])
def test_each_stop_is_passed_by_name_and_null_is_none(name: str):
    assert getattr(_settings(**{name: None}).backtest_settings(), name) is None
    settings = _settings(**{name: 0.25}).backtest_settings()
    assert settings.as_dict() == BacktestSettings().as_dict() | {name: 0.25}


def test_every_setting_is_stored_with_a_result():
    stored = _settings(direction="short", stop_loss=0.05).stored_settings()
    assert stored == BacktestSettings(direction="short", stop_loss=0.05).as_dict() | {
        "price_basis": "adjusted",
        "warmup_days": 365,
    }


def test_batch_size_and_benchmark_are_not_stored():
    plain = _settings().stored_settings()
    assert _settings(batch_size=3, universe_benchmark=False).stored_settings() == plain


def test_every_setting_has_a_description():
    for name, described in RunSettings.model_fields.items():
        assert described.description, name


def test_the_engine_has_the_settings():
    assert _settings(fees=0.002).new_engine().settings == BacktestSettings(fees=0.002)


@pytest.mark.parametrize(
    "change",
    [
        {"start": "yesterday"},
        {"warmup_days": -1},
        {"batch_size": 0},
        {"direction": "up"},
        {"take_profit": 0.0},
    ],
    ids=lambda change: next(iter(change)),
)
def test_check_refuses_an_invalid_setting_by_name(change: dict[str, Any]):
    _settings().check()
    with pytest.raises(InvalidSettingsError, match=next(iter(change))):
        _settings(**change).check()


def test_integers_reach_the_engine_as_floats():
    settings = _settings(initial_capital=10_000, bars_per_year=365).backtest_settings()
    assert isinstance(settings.initial_capital, float)
    assert isinstance(settings.bars_per_year, float)


def test_the_window_has_its_days():
    assert _settings().window() == Window(date(2021, 1, 1), date(2023, 12, 31))
    one_day = _settings(start="2022-02-28", end="2022-02-28").window()
    assert one_day.start == one_day.end


def test_the_warm_up_is_counted_in_calendar_days():
    assert _settings().history_start() == date(2020, 1, 2)  # 2020 has 366 days
    assert _settings(warmup_days=0).history_start() == date(2021, 1, 1)


def test_a_warm_up_cannot_begin_before_the_calendar():
    everything = (date(2021, 1, 1) - date.min).days
    assert _settings(warmup_days=everything).history_start() == date.min
    for days in (everything + 1, 10**12):
        with pytest.raises(InvalidSettingsError, match=f"warmup_days is {days}"):
            _settings(warmup_days=days).history_start()


@pytest.mark.parametrize("text", ["2021-02-30", "20210104", "2021-W01-1", "1/4/2021", ""])
@pytest.mark.parametrize("name", ["start", "end"])
def test_an_invalid_date_is_refused_by_name(name: str, text: str):
    with pytest.raises(InvalidSettingsError) as refused:
        _settings(**{name: text}).window()
    assert str(refused.value) == f"{name} is '{text}'; write a day as 2023-12-31."


def test_a_reversed_window_is_refused():
    reversed_window = _settings(start="2024-01-01")
    for use in (reversed_window.window, reversed_window.history_start):
        with pytest.raises(InvalidSettingsError, match="starts on 2024-01-01, after its end"):
            use()


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"execution": "next_close"}, "allowed: next_open, same_close"),
        ({"fees": -0.001}, "fees is -0.001"),
        ({"fees": float("nan")}, "fees is nan"),
        ({"slippage": 1.0}, "slippage is 1.0"),
        ({"initial_capital": 0.0}, "initial_capital is 0.0"),
        ({"bars_per_year": 0.0}, "bars_per_year is 0.0"),
        ({"direction": "down"}, "allowed: long, short, both"),
        ({"stop_loss": 1.0}, "stop_loss is 1.0"),
        ({"trailing_stop": 0.0}, "trailing_stop is 0.0"),
        ({"take_profit": -0.1}, "take_profit is -0.1"),
        ({"take_profit": 1.5, "direction": "short"}, "take_profit is 1.5"),
    ],
)
def test_settings_that_the_engine_refuses_are_refused(change: dict[str, Any], text: str):
    with pytest.raises(InvalidSettingsError, match=text):
        _settings(**change).backtest_settings()


def test_a_fractional_count_is_refused():
    with pytest.raises(ValidationError, match="batch_size"):
        _settings(batch_size=1.5)


def test_a_negative_warm_up_is_refused():
    with pytest.raises(InvalidSettingsError, match="warmup_days is -1; allowed: 0 to "):
        _settings(warmup_days=-1).history_start()


def test_batches_hold_every_symbol_once_in_order():
    symbols = list("ABCDE")
    assert _settings(batch_size=2).batches(symbols) == [["A", "B"], ["C", "D"], ["E"]]
    assert _settings(batch_size=5).batches(symbols) == [symbols]
    assert _settings(batch_size=99).batches(symbols) == [symbols]
    assert _settings().batches([]) == []


@pytest.mark.parametrize("size", [0, -1])
def test_a_batch_size_below_one_is_refused(size: int):
    with pytest.raises(InvalidSettingsError, match=f"batch_size is {size}"):
        _settings(batch_size=size).batches(["A"])


def test_a_strategy_has_the_given_parameters_and_default_others():
    settings = _settings(parameters={"sma_cross": {"fast_period": 5.0}})
    settings.check()
    assert settings.strategy_of(SmaCross) == SmaCross(fast_period=5)
    assert settings.strategy_of(Rsi) == Rsi()


def test_a_text_of_the_run_config_reaches_the_strategy():
    found: list[str] = []

    @dg.asset
    def ask(run_settings: RunSettings) -> None:
        run_settings.check()
        found.append(str(run_settings.strategy_of(Ensemble)))

    given = {"ensemble": {"weighting": "stacked", "members": "rsi+macd", "entry_vote": 0.7}}
    window = {"start": "2021-01-04", "end": "2023-12-29"}
    config = {"resources": {"run_settings": {"config": {**window, "parameters": given}}}}
    assert dg.materialize([ask], resources={"run_settings": _settings()}, run_config=config).success
    assert found == [str(Ensemble(members="macd+rsi", weighting="stacked", entry_vote=0.7))]


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"ensemble": {"weighting": "sharp"}}, "but got 'sharp'. Did you mean 'sharpe'?"),
        (
            {"ensemble": {"members": ["rsi"]}},
            "members to be a text, but got ['rsi']",
        ),
        ({"rsi": {"period": "14"}}, "rsi needs period to be a whole number, but got '14'"),
        ({"sma_cros": {"fast_period": 5}}, "no strategy 'sma_cros'. Did you mean 'sma_cross'"),
        ({"rsi": {"perod": 5}}, "rsi has no parameter 'perod'. Did you mean 'period'"),
        ({"rsi": {"period": 2.5}}, "rsi needs period to be a whole number, but got 2.5"),
        ({"sma_cross": {"fast_period": 50}}, "sma_cross needs fast_period < slow_period"),
    ],
)
def test_invalid_parameters_of_strategies_are_refused(
    parameters: dict[str, dict[str, Any]], message: str
):
    with pytest.raises(GauntletError, match=re.escape(message)):
        _settings(parameters=parameters).check()
