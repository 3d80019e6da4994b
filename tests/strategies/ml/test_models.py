"""The linear models against scikit-learn, and how positions are weighted."""

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression, Ridge

from strategies.base import Signals
from strategies.ml import FEATURE_BARS, logistic
from strategies.ml.features import FEATURES, compute_features
from strategies.ml.online_ridge import fit_after_each_row
from strategies.ml.votes import count_votes, hold, stack, weigh_by_sharpe, weigh_equally
from tests.bars import random_bars
from tests.strategies.learning import features_by_pandas

RNG = np.random.default_rng(3)
ROWS = RNG.normal(size=(300, 5))
LABELS = ROWS @ [0.5, -0.2, 0, 0, 0.1] + RNG.normal(size=300)


@pytest.mark.parametrize("memory", [20, 250])
@pytest.mark.parametrize("row", [3, 40, 299])
def test_online_weights_are_those_of_a_ridge_fitted_at_once(memory: int, row: int):
    weights = fit_after_each_row(ROWS, LABELS, memory, ridge=7.0)
    fading = (1 - 1 / memory) ** np.arange(row, -1, -1.0)
    ridge = Ridge(alpha=7.0, fit_intercept=False)
    ridge.fit(ROWS[: row + 1], LABELS[: row + 1], sample_weight=fading)
    np.testing.assert_allclose(weights[row], ridge.coef_, rtol=1e-9, atol=1e-12)


def test_a_row_with_nan_or_without_label_teaches_nothing():
    rows, labels = ROWS.copy(), LABELS.copy()
    rows[50, 2], labels[51] = np.nan, np.nan
    weights = fit_after_each_row(rows, labels, 100, ridge=1.0)
    fading = 0.99 ** np.arange(52, -1, -1.0)
    fading[50:52] = 0.0
    ridge = Ridge(alpha=1.0, fit_intercept=False)
    ridge.fit(ROWS[:53], LABELS[:53], sample_weight=fading)
    np.testing.assert_allclose(weights[52], ridge.coef_, rtol=1e-9)


@pytest.mark.parametrize("size", [60, 300])
def test_logistic_weights_are_those_of_scikit_learn(size: int):
    positions = (ROWS[:size] > 0).astype(float)
    outcomes = (LABELS[:size] > 0).astype(float)
    weights = logistic.fit(positions, outcomes, ridge=1.0)
    theirs = LogisticRegression(C=1.0, tol=1e-12, max_iter=10_000).fit(positions, outcomes)
    np.testing.assert_allclose(weights[:-1], theirs.coef_[0], rtol=1e-4, atol=1e-5)
    chances = logistic.predict(weights, positions)
    np.testing.assert_allclose(chances, theirs.predict_proba(positions)[:, 1], atol=1e-5)


def test_outcomes_of_one_kind_give_a_probability():
    weights = logistic.fit(np.zeros((100, 2)), np.ones(100), ridge=1.0)
    assert 0.9 < logistic.predict(weights, np.zeros((1, 2)))[0] <= 1.0


def test_features_are_those_of_pandas():
    bars = random_bars(400, seed=5)
    expected, _ = features_by_pandas(bars)
    assert list(expected) == list(FEATURES)
    rows = compute_features(bars.close, bars.volume)
    np.testing.assert_allclose(rows[FEATURE_BARS:], expected.to_numpy()[FEATURE_BARS:], atol=1e-8)
    assert np.isfinite(rows[FEATURE_BARS:]).all()
    assert np.isnan(rows[:FEATURE_BARS]).any(axis=1).all()


def test_prices_that_do_not_move_have_no_features():
    flat = np.full(200, 100.0)
    assert np.isnan(compute_features(flat, flat)).any(axis=1).all()


@pytest.mark.parametrize("volume", [0.0, 1000.0])
def test_volume_that_does_not_vary_says_nothing(volume: float):
    rows = compute_features(random_bars(200).close, np.full(200, volume))
    assert (rows[FEATURE_BARS:, FEATURES.index("volume")] == 0.0).all()


def test_a_position_lasts_until_the_next_signal_to_leave():
    entries = np.array([0, 1, 0, 0, 1, 0, 1], dtype=bool)
    exits = np.array([1, 0, 0, 1, 1, 0, 0], dtype=bool)
    assert hold(Signals(entries, exits)).tolist() == [0, 1, 1, 0, 0, 0, 1]


def test_members_are_weighted_by_what_they_earned():
    returns = np.tile([0.03, -0.01], 50)
    positions = np.column_stack([np.ones(100), np.tile([1.0, 0.0], 50), np.tile([0.0, 1.0], 50)])
    weights = weigh_by_sharpe(positions, returns)
    assert weights is not None
    # Sharpe ratios of 0.01 / 0.02, of 0.015 / 0.015, and one below 0.
    np.testing.assert_allclose(weights, [1 / 3, 2 / 3, 0.0])
    assert count_votes(weights, positions)[:2].tolist() == pytest.approx([1.0, 1 / 3])


def test_nobody_has_a_weight_where_nobody_earned():
    positions = np.ones((100, 2))
    assert weigh_by_sharpe(positions, np.tile([-0.02, 0.01], 50)).tolist() == [0.0, 0.0]  # pyright: ignore[reportOptionalMemberAccess]
    assert weigh_by_sharpe(np.zeros((100, 2)), np.ones(100)).tolist() == [0.0, 0.0]  # pyright: ignore[reportOptionalMemberAccess]


def test_weights_of_few_rows_are_not_measured():
    few = np.ones((59, 2))
    assert weigh_by_sharpe(few, few[:, 0]) is None
    assert stack(few, few[:, 0]) is None
    assert weigh_equally(few, few[:, 0]).tolist() == [0.5, 0.5]
