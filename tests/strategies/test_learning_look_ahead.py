"""What learns knows nothing of later bars, and a planted leak of each kind is detected."""

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import pytest

from strategies.base import Bars
from strategies.ensemble import Ensemble, count_votes
from strategies.ml import features, hidden_markov, walk_forward
from strategies.online_learning import OnlineLearning, predict_returns
from strategies.regime_aware import RegimeAware, filter_regimes
from tests.strategies.learning import regime_bars
from tests.strategies.look_ahead import assert_a_prefix_gives_the_prefix, cut

BARS = regime_bars(600, seed=4)


def _predict_returns(bars: Bars, horizon: int = 5) -> Any:
    return predict_returns(bars.open, bars.close, bars.volume, horizon, 250, 20.0, 240)


def _filter_regimes(bars: Bars) -> Any:
    return filter_regimes(bars.close, 240, 126)


def _count_votes(bars: Bars, weighting: str) -> Any:
    every = (bars.open, bars.high, bars.low, bars.close, bars.volume)
    return count_votes(*every, "momentum+rsi+sma_cross", weighting, 5, 240, 63)


PREDICTIONS: dict[str, Callable[[Bars], Any]] = {
    "returns": _predict_returns,
    "regimes": _filter_regimes,
    "sharpe": partial(_count_votes, weighting="sharpe"),
    "stacked": partial(_count_votes, weighting="stacked"),
}

# Just after refits, where a label that is not known yet would count, and between them.
STOPS = (241, 242, 245, 304, 305, 367, 370, 400, 430, 431, 555, 599)


def _depends_on_later_bars(predict: Callable[[Bars], Any]) -> bool:
    whole = predict(BARS)
    return any(
        not np.array_equal(predict(cut(BARS, stop)), whole[:stop], equal_nan=True) for stop in STOPS
    )


@pytest.mark.parametrize("name", PREDICTIONS)
def test_predictions_on_a_prefix_are_the_same_bits(name: str):
    assert np.isfinite(PREDICTIONS[name](BARS)[240:]).all()
    assert not _depends_on_later_bars(PREDICTIONS[name])


def _peek(close: Any, volume: Any, honest: Any = features.compute_features) -> Any:
    rows = honest(close, volume).copy()
    rows[:-1, 0] = rows[1:, 0]
    return rows


def _scale(close: Any, volume: Any, honest: Any = features.compute_features) -> Any:
    rows = honest(close, volume)
    return rows / np.nanstd(rows, axis=0).clip(0.1)


def _weigh_at_the_end(
    rows: Any, labels: Any, horizon: int, refits: Any, fit: Any, predict: Any
) -> Any:
    known = walk_forward.count_known(len(rows) - 1, horizon)
    return predict(fit(rows[:known], labels[:known]), rows)


def _fit_at_the_end(
    rows: Any, refits: Any, longest: int, fit: Any, predict: Any, width: int
) -> Any:
    return predict(fit(rows, None), rows)


LEAKS: dict[str, tuple[Any, str, Any, str]] = {
    "a feature of tomorrow": (features, "compute_features", _peek, "returns"),
    "scaling over the sample": (features, "compute_features", _scale, "returns"),
    "a label inside the horizon": (walk_forward, "FILL_DELAY", 0, "returns"),
    "a label before its fill": (walk_forward, "FILL_DELAY", 0, "stacked"),
    "no purge": (walk_forward, "count_known", lambda bar, _: bar + 1, "stacked"),
    "smoothed probabilities": (
        hidden_markov, "filter_states", hidden_markov.smooth_states, "regimes"),
    "regimes of the sample": (walk_forward, "predict_without_labels", _fit_at_the_end, "regimes"),
    "weights of the end": (walk_forward, "predict_by_labels", _weigh_at_the_end, "sharpe"),
}  # fmt: skip


@pytest.mark.parametrize("kind", LEAKS)
def test_a_planted_leak_is_detected(kind: str, monkeypatch: pytest.MonkeyPatch):
    module, name, leak, predictions = LEAKS[kind]
    monkeypatch.setattr(module, name, leak)
    assert _depends_on_later_bars(PREDICTIONS[predictions])


SIGNAL_LEAKS = {
    "a feature of tomorrow": OnlineLearning(),
    "scaling over the sample": OnlineLearning(),
    "smoothed probabilities": RegimeAware(),
    "weights of the end": Ensemble(),
}
"""Leaks that reach signals of many bars."""


@pytest.mark.parametrize("kind", SIGNAL_LEAKS)
def test_the_prefix_check_of_all_strategies_detects_a_leak(
    kind: str, monkeypatch: pytest.MonkeyPatch
):
    module, name, leak, _ = LEAKS[kind]
    strategy = SIGNAL_LEAKS[kind]
    assert_a_prefix_gives_the_prefix(strategy, BARS, 400)
    monkeypatch.setattr(module, name, leak)

    def caught(stop: int) -> bool:
        try:
            assert_a_prefix_gives_the_prefix(strategy, BARS, stop)
        except AssertionError:
            return True
        return False

    assert any(caught(stop) for stop in range(243, 600, 3))
