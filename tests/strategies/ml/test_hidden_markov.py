"""Filter, smoother, likelihood and fit against sums over all paths, and against statsmodels."""

from dataclasses import replace
from itertools import product

import numpy as np
import pytest
from statsmodels.tsa.regime_switching.markov_regression import MarkovRegression

from strategies.ml.hidden_markov import (
    STATES,
    HiddenMarkov,
    filter_states,
    fit,
    improve,
    measure_likelihood,
    smooth_states,
)

MODEL = HiddenMarkov(
    means=np.array([0.001, 0.0, -0.002]),
    variances=np.array([0.006, 0.014, 0.035]) ** 2,
    start=np.array([0.5, 0.3, 0.2]),
    transitions=np.array([[0.97, 0.02, 0.01], [0.03, 0.95, 0.02], [0.01, 0.04, 0.95]]),
)


def _simulate(length: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng, state, states = np.random.default_rng(seed), 0, []
    for _ in range(length):
        state = rng.choice(STATES, p=MODEL.transitions[state])
        states.append(state)
    states = np.array(states)
    returns = rng.normal(MODEL.means[states], np.sqrt(MODEL.variances[states]))
    return returns[:, np.newaxis], states


def _weigh_paths(returns: np.ndarray) -> dict[tuple[int, ...], float]:
    """Return the joint density of the returns and each path of states."""
    x = returns[:, 0]
    densities = np.exp(-((x[:, np.newaxis] - MODEL.means) ** 2) / 2 / MODEL.variances)
    densities /= np.sqrt(2 * np.pi * MODEL.variances)
    paths = {}
    for path in product(range(STATES), repeat=len(x)):
        chance = MODEL.start[path[0]]
        for bar, state in enumerate(path):
            chance *= densities[bar, state]
            chance *= MODEL.transitions[path[bar - 1], state] if bar else 1.0
        paths[path] = chance
    return paths


def _sum_paths(paths: dict[tuple[int, ...], float], bar: int) -> np.ndarray:
    shares = np.zeros(STATES)
    for path, chance in paths.items():
        shares[path[bar]] += chance
    return shares / shares.sum()


def test_filtered_probabilities_are_sums_over_paths_so_far():
    returns, _ = _simulate(7)
    filtered = filter_states(MODEL, returns)
    for bar in range(7):
        np.testing.assert_allclose(filtered[bar], _sum_paths(_weigh_paths(returns[: bar + 1]), bar))


def test_smoothed_probabilities_are_sums_over_all_paths():
    returns, _ = _simulate(7)
    paths, smoothed = _weigh_paths(returns), smooth_states(MODEL, returns)
    for bar in range(7):
        np.testing.assert_allclose(smoothed[bar], _sum_paths(paths, bar))
    assert measure_likelihood(MODEL, returns) == pytest.approx(np.log(sum(paths.values())))


def test_filter_and_likelihood_are_those_of_statsmodels():
    returns, _ = _simulate(400)
    stationary = np.linalg.matrix_power(MODEL.transitions, 10_000)[0]
    model = replace(MODEL, start=stationary)
    theirs = MarkovRegression(returns[:, 0], k_regimes=STATES, switching_variance=True)
    moves = [*MODEL.transitions[:, 0], *MODEL.transitions[:, 1]]
    fitted = theirs.filter([*moves, *model.means, *model.variances])
    np.testing.assert_allclose(
        filter_states(model, returns), fitted.filtered_marginal_probabilities, atol=1e-9
    )
    assert measure_likelihood(model, returns) == pytest.approx(fitted.llf)


def test_each_iteration_makes_the_returns_more_likely():
    returns, _ = _simulate(500)
    model = replace(MODEL, variances=np.array([0.001, 0.01, 0.02]) ** 2)
    found = [measure_likelihood(model, returns)]
    for _ in range(15):
        model = improve(model, returns[:, 0])
        found.append(measure_likelihood(model, returns))
    assert np.diff(found).min() > -1e-9
    assert found[-1] - found[0] > 50


def test_a_fit_finds_the_states_that_made_the_returns():
    returns, states = _simulate(1500)
    model = fit(returns)
    assert model is not None
    np.testing.assert_allclose(model.variances, MODEL.variances, rtol=0.35)
    assert (filter_states(model, returns).argmax(axis=1) == states).mean() > 0.8


@pytest.mark.parametrize("seed", range(5))
def test_states_are_in_the_order_of_their_variances(seed: int):
    returns, _ = _simulate(500, seed)
    first = fit(returns[:300])
    assert first is not None
    for model in (first, fit(returns, first)):
        assert model is not None
        assert (np.diff(model.variances) >= 0).all()


def test_probabilities_stay_finite_far_out():
    returns, _ = _simulate(200)
    returns[50] = 9.0
    returns[51] = -9.0
    filtered = filter_states(MODEL, returns)
    assert np.isfinite(filtered).all()
    np.testing.assert_allclose(filtered.sum(axis=1), 1.0)
    assert filtered[50].argmax() == 2


def test_a_state_without_rows_stays_as_it_was():
    returns, _ = _simulate(100)
    far = replace(MODEL, means=np.array([0.001, 0.0, 9.0]))
    better = improve(far, returns[:, 0])
    assert (better.means[2], better.variances[2]) == (9.0, MODEL.variances[2])
    np.testing.assert_allclose(better.transitions[2], MODEL.transitions[2])
    assert better.means[0] != far.means[0]


def test_a_fit_that_begins_in_another_order_ends_in_order():
    returns, _ = _simulate(500)
    back = slice(None, None, -1)
    turned = HiddenMarkov(
        MODEL.means[back], MODEL.variances[back], MODEL.start[back], MODEL.transitions[back, back]
    )
    model, expected = fit(returns, turned), fit(returns, MODEL)
    assert model is not None
    assert expected is not None
    for name in ("means", "variances", "start", "transitions"):
        np.testing.assert_allclose(getattr(model, name), getattr(expected, name))


def test_nothing_is_impossible_in_a_fitted_model():
    returns, _ = _simulate(500)
    returns[0] = 0.2
    model = fit(returns)
    assert model is not None
    assert min(model.start.min(), model.transitions.min()) > 5e-7


def test_a_fit_after_an_impossible_start_goes_on():
    returns, _ = _simulate(300)
    first = fit(returns)
    assert first is not None
    jump = returns.copy()
    jump[0] = 2.0
    after = fit(jump, first)
    assert after is not None
    assert np.isfinite(filter_states(after, jump)).all()


@pytest.mark.parametrize(
    "returns",
    [np.full((100, 1), 0.01), np.zeros((100, 1)), np.random.default_rng(0).random((59, 1))],
)
def test_there_is_no_model_of_equal_or_few_returns(returns: np.ndarray):
    assert fit(returns) is None
