"""Parameters are frozen, typed and validated; errors say what is allowed."""

import dataclasses
from dataclasses import dataclass

import numpy as np
import pytest

from strategies.base import Bars, Signals, Strategy, parameter
from strategies.breakout import Breakout
from strategies.ensemble import Ensemble
from strategies.errors import InvalidParameterError
from strategies.momentum import Momentum
from strategies.online_learning import OnlineLearning
from strategies.parameters import describe_parameters
from strategies.regime_aware import RegimeAware
from strategies.rsi import Rsi
from strategies.sma_cross import SmaCross


def test_a_strategy_is_named_after_its_file():
    assert SmaCross.name == "sma_cross"


def test_parameters_cannot_be_changed():
    with pytest.raises(dataclasses.FrozenInstanceError):
        SmaCross().fast_period = 5  # pyright: ignore[reportAttributeAccessIssue]


def test_parameters_left_out_keep_their_defaults():
    assert SmaCross.from_mapping({"slow_period": 50}).parameters() == {
        "fast_period": 10,
        "slow_period": 50,
    }


def test_equal_parameters_have_one_type():
    spelled = [Rsi.from_mapping({"period": p, "oversold": o}) for p, o in ((14, 30), (14.0, 30.0))]
    assert spelled[0] == spelled[1] == Rsi()
    assert [type(value) for value in spelled[1].parameters().values()] == [int, float, float]


def test_the_same_texts_are_written_alike():
    spelled = [Ensemble(members=text) for text in ("rsi+macd", "macd + rsi", " macd+rsi")]
    assert {one.members for one in spelled} == {"macd+rsi"}
    assert len(set(spelled)) == 1


def test_parameters_are_described_in_one_line():
    assert describe_parameters({"members": "macd+rsi", "period": 5, "level": 0.25}) == (
        "members macd+rsi, period 5, level 0.25"
    )


def test_numpy_numbers_become_python_numbers():
    assert type(SmaCross(fast_period=np.int64(5)).fast_period) is int  # pyright: ignore[reportArgumentType]


@pytest.mark.parametrize(
    ("strategy", "given", "message"),
    [
        (SmaCross, {"fast_perod": 5}, "no parameter 'fast_perod'. Did you mean 'fast_period'?"),
        (SmaCross, {"fast_period": 2.5}, "fast_period to be a whole number, but got 2.5"),
        (SmaCross, {"fast_period": "5"}, "fast_period to be a whole number, but got '5'"),
        (SmaCross, {"fast_period": True}, "fast_period to be a whole number, but got True"),
        (SmaCross, {"fast_period": 1}, "fast_period of 2 or more, but got 1"),
        (SmaCross, {"fast_period": 20}, "needs fast_period < slow_period"),
        (Rsi, {"oversold": 70}, "needs oversold < overbought"),
        (Rsi, {"overbought": 100.5}, "overbought of 0.0 to 100.0, but got 100.5"),
        (Momentum, {"threshold": float("nan")}, "threshold to be a number, but got nan"),
        (Momentum, {"threshold": -0.1}, "threshold of 0.0 to 1.0, but got -0.1"),
        (Breakout, {"exit_lookback": None}, "exit_lookback to be a whole number, but got None"),
        (Ensemble, {"weighting": "sharp"}, "stacked, but got 'sharp'. Did you mean 'sharpe'?"),
        (Ensemble, {"weighting": 3}, "a text, but got 3. Allowed: equal, sharpe, stacked."),
        (Ensemble, {"weighting": "equal+sharpe"}, "equal, sharpe, stacked, but got 'equal+sha"),
        (Ensemble, {"members": "sma_cros+rsi"}, "'sma_cros'. Did you mean 'sma_cross'?"),
        (Ensemble, {"members": "rsi+"}, "or several of them, joined by '+', but got ''."),
        (Ensemble, {"members": "rsi+macd+rsi"}, "name each once, but got 'rsi+macd+rsi'"),
        (Ensemble, {"members": ["rsi", "macd"]}, "members to be a text, but got ['rsi', 'macd']"),
        (Ensemble, {"entry_vote": 0.4}, "needs exit_vote < entry_vote"),
        (OnlineLearning, {"first_fit": 104}, "first_fit of 105 or more with horizon=5"),
        (RegimeAware, {"certainty": "high"}, "certainty to be a number, but got 'high'"),
    ],
)
def test_an_invalid_parameter_is_refused_with_what_is_allowed(strategy, given, message):
    with pytest.raises(InvalidParameterError) as refused:
        strategy.from_mapping(given)
    assert message in str(refused.value)


def test_an_unknown_parameter_is_refused_with_the_valid_ones():
    with pytest.raises(InvalidParameterError, match="Allowed: fast_period, slow_period"):
        SmaCross.from_mapping({"window": 5})


def test_a_strategy_without_signals_cannot_be_built():
    @dataclass(frozen=True)
    class Half(Strategy):
        period: int = parameter(5, minimum=2, sweep=(5,))

        @property
        def lookback_bars(self) -> int:
            return self.period

    with pytest.raises(TypeError, match="signals"):
        Half()  # pyright: ignore[reportAbstractUsage]


def test_bars_have_a_length():
    three = np.ones(3)
    assert len(Bars(three, three, three, three, three)) == 3
    assert Signals(three > 0, three > 1).entries.all()
