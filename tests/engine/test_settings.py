"""Terms and windows that make no sense are refused in one line."""

from datetime import date

import pytest

from engine.errors import InvalidSettingsError
from engine.settings import BacktestSettings, Window


def test_the_defaults_are_the_documented_ones():
    assert BacktestSettings().as_dict() == {
        "initial_capital": 10_000.0,
        "fees": 0.001,
        "slippage": 0.001,
        "execution": "next_open",
        "year_length": 252.0,
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
        ({"year_length": -252.0}, "year_length is -252.0"),
        ({"fees": "0.1"}, "fees is '0.1'; allowed: from 0, below 1."),
        ({"fees": True}, "fees is True"),
        ({"initial_capital": None}, "initial_capital is None"),
    ],
)
def test_a_bad_term_is_refused_with_what_is_allowed(given, message):
    with pytest.raises(InvalidSettingsError) as refused:
        BacktestSettings(**given)
    assert message in str(refused.value)


def test_whole_numbers_are_the_same_terms():
    assert BacktestSettings(initial_capital=10_000, year_length=252) == BacktestSettings()
    assert isinstance(BacktestSettings(initial_capital=10_000).initial_capital, float)


def test_a_reversed_window_is_refused():
    with pytest.raises(InvalidSettingsError, match="starts on 2022-01-02, after its end on 2022"):
        Window(date(2022, 1, 2), date(2022, 1, 1))


def test_with_a_calendar_a_symbol_ends_early_by_a_single_session():
    window = Window(date(2023, 1, 1), date(2023, 12, 31), last_session=date(2023, 12, 29))
    assert window.ended_early(date(2023, 12, 28))
    assert not window.ended_early(date(2023, 12, 29))


def test_without_a_calendar_a_week_of_closure_is_not_an_early_end():
    window = Window(date(2023, 1, 1), date(2023, 12, 31))
    assert not window.ended_early(date(2023, 12, 24))
    assert window.ended_early(date(2023, 12, 23))
