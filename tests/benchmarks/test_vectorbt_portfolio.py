"""The baseline computes the same results: a difference is detected before timing."""

from dataclasses import replace

import numpy as np
import pytest

from benchmarks.replay import Replay
from benchmarks.universe import WINDOW, universe
from benchmarks.vectorbt_portfolio import DisagreementError, Frames, require_agreement
from engine.backtest import VectorBTEngine
from engine.metrics import METRICS
from engine.settings import BacktestSettings
from strategies.sma_cross import SmaCross

HISTORIES = universe(3, 300)


def test_every_metric_of_vectorbt_is_compared():
    results = VectorBTEngine().run_batch(HISTORIES, SmaCross(), WINDOW).results
    named = {name for name, metric in METRICS.items() if "vectorbt" in metric.description}
    # vectorbt has no payoff ratio, and the docstring says so.
    assert require_agreement(Frames.of(HISTORIES, SmaCross()), results) == len(named) - 1


def test_different_costs_are_a_disagreement():
    engine = VectorBTEngine(BacktestSettings(fees=0.0011))
    results = engine.run_batch(HISTORIES, SmaCross(), WINDOW).results
    with pytest.raises(DisagreementError, match="total_return of S00000"):
        require_agreement(Frames.of(HISTORIES, SmaCross()), results)


def test_a_replay_returns_the_signals_of_each_symbol():
    replay = Replay.of(SmaCross(), HISTORIES)
    for history in HISTORIES:
        given, expected = replay.signals(history.bars), SmaCross().signals(history.bars)
        np.testing.assert_array_equal(given.entries, expected.entries)
        np.testing.assert_array_equal(given.exits, expected.exits)


def test_histories_with_the_same_first_close_are_refused():
    with pytest.raises(ValueError, match="begins with the close of another"):
        Replay.of(SmaCross(), [HISTORIES[0], replace(HISTORIES[0], symbol="TWIN")])
