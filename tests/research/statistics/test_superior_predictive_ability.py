"""The test of superior predictive ability, beside arch on arch's own draws."""

import numpy as np
import pytest
from arch.bootstrap import SPA, StationaryBootstrap
from hypothesis import given, settings
from hypothesis import strategies as st

from research.errors import InvalidCurvesError
from research.statistics.stationary_bootstrap import (
    compute_mean_variances,
    count_draws,
    draw_counts,
)
from research.statistics.superior_predictive_ability import compare_with_luck

BARS, DRAWS, BLOCK = 400, 499, 10
KINDS = ("lower", "consistent", "upper")


def curves(seed: int, trials: int = 25, mean: float = 0.0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    means = rng.normal(mean, 0.0006, (trials, 1))
    return rng.standard_normal((trials, BARS)) * 0.01 + means


def counts_of_arch(seed: int) -> np.ndarray:
    bootstrap = StationaryBootstrap(BLOCK, np.arange(BARS), seed=seed)
    drawn = np.array([data[0][0] for data in bootstrap.bootstrap(DRAWS)])
    return count_draws(drawn, BARS)


@pytest.mark.parametrize(("seed", "mean"), [(1, 0.0), (2, -0.001), (4, -0.0004)])
def test_p_values_on_the_draws_of_arch_are_those_of_arch(seed, mean):
    returns = curves(seed, mean=mean)
    oracle = SPA(np.zeros(BARS), -returns.T, reps=DRAWS, block_size=BLOCK, seed=seed)
    oracle.compute()
    result = compare_with_luck(returns, counts_of_arch(seed), BLOCK)
    expected = oracle.pvalues  # number of draws above the best / draws
    for kind in KINDS:
        reached = result.p_value(kind) * (1 + DRAWS) - 1
        assert reached == pytest.approx(expected[kind] * DRAWS, abs=1e-9)
    assert result.p_value("lower") < result.p_value("upper")


def test_studentized_test_is_the_plain_one_of_scaled_curves():
    returns, counts = (
        curves(5) * np.geomspace(0.1, 10, 25)[:, np.newaxis],
        draw_counts(BARS, 200, BLOCK, 1),
    )
    omega = np.sqrt(compute_mean_variances(returns, BLOCK))[:, np.newaxis]
    result = compare_with_luck(returns, counts, BLOCK, studentize=True)
    scaled = compare_with_luck(returns / omega, counts, BLOCK)
    np.testing.assert_allclose(result.statistics, scaled.statistics)
    for kind in KINDS:
        np.testing.assert_allclose(getattr(result, kind), getattr(scaled, kind), rtol=1e-4)


def test_adjusted_p_values_count_the_maxima_over_all_trials():
    returns, counts = curves(6), draw_counts(BARS, 200, BLOCK, 1)
    result = compare_with_luck(returns, counts, BLOCK)
    means = counts.astype(float) @ (returns - returns.mean(axis=1, keepdims=True)).T / BARS
    highest = np.sqrt(BARS) * means.max(axis=1)
    np.testing.assert_allclose(result.upper, np.maximum(highest, 0), atol=1e-6)
    np.testing.assert_allclose(result.statistics, np.sqrt(BARS) * returns.mean(axis=1))
    expected = [(1 + (highest >= one).sum()) / 201 if one > 0 else 1 for one in result.statistics]
    adjusted = result.adjusted_p_values(recentring="upper")
    np.testing.assert_allclose(adjusted, expected)
    assert adjusted.min() == result.p_value("upper")
    # A maximum that is only reached counts, too.
    asked = [-1.0, 0.0, result.upper.max(), 1e9]
    adjusted = result.adjusted_p_values(asked, "upper")
    assert adjusted.tolist() == [1.0, 1.0, 2 / 201, 1 / 201]


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**32 - 1), st.floats(1e-4, 1e4), st.booleans())
def test_p_values_are_ordered_and_free_of_the_unit(seed, unit, studentize):
    returns, counts = curves(seed, trials=6), draw_counts(BARS, 100, BLOCK, 1)
    result = compare_with_luck(returns, counts, BLOCK, studentize=studentize)
    low, consistent, high = (result.p_value(kind) for kind in KINDS)
    assert 1 / 101 <= low <= consistent <= high <= 1
    other = compare_with_luck(returns * unit, counts, BLOCK, studentize=studentize)
    # A maximum may come as near to the statistic as float32 can tell.
    assert other.p_value() == pytest.approx(consistent, abs=1.5 / 101)


def test_more_trials_than_one_slice_are_one_search():
    returns, counts = (
        np.vstack([curves(seed, 300) for seed in (7, 8)]),
        draw_counts(BARS, 50, BLOCK, 1),
    )
    result = compare_with_luck(returns, counts, BLOCK)
    halves = [compare_with_luck(half, counts, BLOCK) for half in np.split(returns, 2)]
    for kind in KINDS:
        both = np.maximum(*(getattr(half, kind) for half in halves))
        np.testing.assert_allclose(getattr(result, kind), both, atol=1e-6)
    assert len(result.statistics) == 600


def test_trial_that_never_moves_changes_nothing():
    returns, counts = curves(9), draw_counts(BARS, 100, BLOCK, 1)
    still = np.vstack([returns, np.zeros(BARS)])
    for studentize in (False, True):
        one = compare_with_luck(returns, counts, BLOCK, studentize=studentize)
        other = compare_with_luck(still, counts, BLOCK, studentize=studentize)
        assert other.p_value() == one.p_value()
        assert other.statistics[-1] == 0.0


@pytest.mark.parametrize("shape", [(10,), (10, BARS - 1)])
def test_draws_of_other_bars_are_refused(shape):
    with pytest.raises(InvalidCurvesError, match="as the curves have"):
        compare_with_luck(curves(1), np.ones(shape, np.float32), BLOCK)
