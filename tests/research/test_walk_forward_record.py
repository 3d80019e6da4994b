"""What a file says of a walk-forward: values by hand, and versions of the code behind it."""

import json

import numpy as np
import pytest

from engine.code_version import code_version
from research.fold_choices import KEPT, FoldChoice, WalkForwardProtocol
from research.folds import WalkForwardFolds
from research.protocol_version import robustness_version, walk_forward_version
from research.walk_forward import WalkForward
from research.walk_forward_record import describe_walk_forward
from strategies.rsi import Rsi
from strategies.sma_cross import SmaCross


def test_a_walk_forward_is_described_by_its_values():
    dates = np.datetime64("2021-01-01") + np.arange(5)
    returns = np.array([0.0, 0.0, 0.01, 0.03, 0.02])
    folds = WalkForwardFolds(train=2, test=2)
    choices = [
        FoldChoice(folds.split(5)[0], SmaCross(5, 20), "plateau", 0.5, 0.25),
        FoldChoice(folds.split(5)[1], SmaCross(5, 50), KEPT, np.nan, 0.0),
    ]
    found = WalkForward(
        WalkForwardProtocol(folds),
        choices,
        dates,
        returns,
        exposure=np.zeros(5),
        market=np.zeros(5),
        activity=0.5,
        symbols=7,
    )
    described = json.loads(json.dumps(describe_walk_forward(found, 100.0), allow_nan=False))
    first, second = described.pop("folds")
    assert described == {
        "protocol": "walk_forward anchored 2/2 plateau",
        "out_of_sample_start": "2021-01-03",
        "out_of_sample_end": "2021-01-05",
        "residual_sharpe_ratio": pytest.approx(20.0),
        "mean_in_sample_sharpe_ratio": 5.0,
        "beta": pytest.approx(0.5 / 3),
        "activity": 0.5,
        "symbols": 7,
        "changes": 1,
    }
    assert first == {
        "train_start": "2021-01-01",
        "train_end": "2021-01-02",
        "test_start": "2021-01-03",
        "test_end": "2021-01-04",
        "parameters": {"fast_period": 5, "slow_period": 20},
        "why": "plateau",
        "in_sample_sharpe_ratio": 5.0,
        "out_of_sample_sharpe_ratio": pytest.approx(0.02 / np.std([0.01, 0.03], ddof=1) * 10),
        "beta": 0.25,
    }
    assert (second["why"], second["in_sample_sharpe_ratio"]) == (KEPT, None)
    assert second["out_of_sample_sharpe_ratio"] is None


def test_versions_differ_by_strategy_and_from_the_backtests():
    kinds = (walk_forward_version, robustness_version)
    versions = {code_version(Rsi), *(kind(one) for kind in kinds for one in (Rsi, SmaCross))}
    assert len(versions) == 5
    assert walk_forward_version(Rsi) in versions
