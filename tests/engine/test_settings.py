"""Invalid settings and windows are refused in one line."""

from datetime import date, datetime

import numpy as np
import pandas as pd
import pytest

from engine.errors import InvalidSettingsError
from engine.settings import BacktestSettings, Window


def test_the_defaults_are_the_documented_ones():
    assert BacktestSettings().as_dict() == {
        "initial_capital": 10_000.0,
        "fees": 0.001,
        "slippage": 0.001,
        "execution": "next_open",
        "bars_per_year": None,
        "direction": "long",
        "stop_loss": None,
        "trailing_stop": None,
        "take_profit": None,
        "require_volume": True,
    }


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"initial_capital": 0.0}, "initial_capital is 0.0; allowed: above 0, finite."),
        ({"initial_capital": float("inf")}, "initial_capital is inf"),
        ({"fees": -0.1}, "fees is -0.1; allowed: from 0, below 1."),
        ({"slippage": 1.0}, "slippage is 1.0; allowed: from 0, below 1."),
        ({"fees": float("nan")}, "fees is nan"),
        ({"execution": "magic"}, "execution is 'magic'; allowed: next_open, same_close."),
        ({"bars_per_year": -252.0}, "bars_per_year is -252.0"),
        ({"require_volume": 1}, "require_volume is 1; allowed: True, False."),
        ({"fees": "0.1"}, "fees is '0.1'; allowed: from 0, below 1."),
        ({"fees": True}, "fees is True"),
        ({"initial_capital": None}, "initial_capital is None"),
        ({"direction": "up"}, "direction is 'up'; allowed: long, short, both."),
        ({"stop_loss": 0.0}, "stop_loss is 0.0; allowed: above 0, below 1."),
        ({"stop_loss": 1.0}, "stop_loss is 1.0; allowed: above 0, below 1."),
        ({"stop_loss": -0.1}, "stop_loss is -0.1"),
        ({"trailing_stop": 1}, "trailing_stop is 1.0; allowed: above 0, below 1."),
        ({"trailing_stop": float("nan")}, "trailing_stop is nan"),
        ({"take_profit": 0}, "take_profit is 0.0; allowed: above 0, finite."),
        ({"take_profit": "10%"}, "take_profit is '10%'"),
        (
            {"take_profit": 1.0, "direction": "short"},
            "take_profit is 1.0; allowed: above 0, below 1.",
        ),
        ({"take_profit": 2.0, "direction": "both"}, "take_profit is 2.0"),
    ],
)
def test_an_invalid_setting_is_refused_with_what_is_allowed(given, message):
    with pytest.raises(InvalidSettingsError) as refused:
        BacktestSettings(**given)
    assert message in str(refused.value)


def test_integers_equal_floats():
    assert BacktestSettings(initial_capital=10_000) == BacktestSettings()
    assert isinstance(BacktestSettings(initial_capital=10_000).initial_capital, float)


def test_take_profit_of_a_long_may_exceed_100_percent():
    assert BacktestSettings(take_profit=3).take_profit == 3.0


def test_has_stops_is_true_for_each_kind_of_stop():
    assert not BacktestSettings().has_stops
    for name in ("stop_loss", "trailing_stop", "take_profit"):
        assert BacktestSettings(**{name: 0.5}).has_stops  # pyright: ignore[reportArgumentType]


@pytest.mark.parametrize(
    "spelled",
    [
        date(2022, 1, 3),
        datetime(2022, 1, 3, 15),  # noqa: DTZ001 - as pandas gives them
        "2022-01-03",
        "2022-01-03T15:30:00",
        pd.Timestamp("2022-01-03 23:00", tz="America/New_York"),
        np.datetime64("2022-01-03"),
        np.datetime64("2022-01-03T15:30", "ns"),
    ],
)
def test_a_day_may_be_spelled_in_any_usual_way(spelled):
    window = Window(spelled, spelled)
    assert window == Window(date(2022, 1, 3), date(2022, 1, 3))
    assert type(window.start) is type(window.end) is date


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("2022-13-01", "the window's end is '2022-13-01'; write a day as 2023-12-31."),
        ("today", "the window's end is 'today'; write a day"),
        (20220103, "the window's end is 20220103; allowed: a date, a datetime, a pandas"),
        (None, "the window's end is None; allowed"),
        (pd.NaT, "the window's end is NaT; allowed"),
        (np.datetime64("NaT"), "the window's end is np.datetime64('NaT"),
        (np.datetime64("2022-12"), "the window's end is np.datetime64('2022-12'); allowed"),
    ],
)
def test_what_is_no_day_is_refused(value, message):
    with pytest.raises(InvalidSettingsError) as refused:
        Window(date(2022, 1, 3), value)
    assert message in str(refused.value)


def test_a_reversed_window_is_refused():
    with pytest.raises(InvalidSettingsError, match="starts on 2022-01-02, after its end on 2022"):
        Window(date(2022, 1, 2), date(2022, 1, 1))
