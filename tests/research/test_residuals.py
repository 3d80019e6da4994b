"""Residual returns: by hand, against NumPy's regression, without bias, where the market is flat."""

import numpy as np
import pytest

from research.residuals import (
    compute_betas,
    compute_residuals,
    hedge_across_folds,
    hedge_positions,
)

RANDOM = np.random.default_rng(5)
MARKET = RANDOM.normal(0.0005, 0.01, 400)
CURVES = np.array([[1.5], [0.0], [-0.7]]) * MARKET + RANDOM.normal(0.0002, 0.004, (3, 400))


def test_a_residual_keeps_what_the_market_does_not_explain():
    market = np.array([0.01, -0.01, 0.03, -0.03])
    residuals, betas = compute_residuals(np.array([2 * market + 0.001, 0 * market]), market)
    assert betas.tolist() == pytest.approx([2.0, 0.0])
    assert residuals[0].tolist() == pytest.approx([0.001] * 4)
    assert residuals[1].tolist() == [0.0] * 4


def test_betas_are_least_squares_slopes():
    expected = [np.polyfit(MARKET, curve, 1)[0] for curve in CURVES]
    assert compute_betas(CURVES, MARKET).tolist() == pytest.approx(expected)
    residuals, _ = compute_residuals(CURVES, MARKET)
    uncorrelated = [np.corrcoef(one, MARKET)[0, 1] for one in residuals]
    assert uncorrelated == pytest.approx([0.0] * 3, abs=1e-12)


@pytest.mark.parametrize("daily", [0.0, 0.001, 0.1, 0.003])
def test_a_flat_market_explains_nothing(daily: float):
    residuals, betas = compute_residuals(CURVES, np.full(400, daily))
    assert betas.tolist() == [0.0] * 3
    assert np.array_equal(residuals, CURVES)


def test_a_curve_has_the_same_bits_alone_and_among_others():
    residuals, betas = compute_residuals(np.asfortranarray(CURVES), MARKET)
    for number, curve in enumerate(CURVES):
        alone, beta = compute_residuals(curve[np.newaxis], MARKET)
        assert np.array_equal(alone[0], residuals[number])
        assert beta[0] == betas[number]


@pytest.mark.parametrize(("bars", "memory"), [(400, 126), (400, 0), (60, 126), (5, 126), (3, 2)])
def test_a_hedge_has_the_slope_of_the_other_bars(bars: int, memory: int):
    curves, market = CURVES[:, :bars], MARKET[:bars]
    hedged = hedge_across_folds(curves, market, memory)
    for bar in range(bars):
        others = np.ones(bars, dtype=bool)
        others[bar : bar + min(memory, bars // 2) + 1] = False
        betas = compute_betas(curves[:, others], market[others])
        expected = curves[:, bar] - betas * market[bar]
        assert hedged[:, bar] == pytest.approx(expected, rel=1e-9, abs=1e-12), bar


@pytest.mark.parametrize("market", [0.0, 0.001, 0.1, 0.003])
def test_a_flat_market_is_no_hedge(market: float):
    assert np.array_equal(hedge_across_folds(CURVES, np.full(400, market)), CURVES)
    # One move alone: where it is not among the other bars, there is nothing to learn of it.
    once = np.full(400, market)
    once[200] += 0.05
    assert np.array_equal(hedge_across_folds(CURVES, once)[:, 75:201], CURVES[:, 75:201])


@pytest.mark.parametrize("bars", [1, 2])
def test_windows_of_a_bar_or_two_have_no_hedge(bars: int):
    assert np.array_equal(hedge_across_folds(CURVES[:, :bars], MARKET[:bars]), CURVES[:, :bars])


def test_a_hedge_of_positions_leaves_what_single_symbols_earn():
    exposed = np.array([0.5, 1.0])[:, np.newaxis] * RANDOM.integers(0, 2, (2, 400)).astype(
        np.float64
    )
    # Twice the universe's moves where invested, and something of its own.
    own = RANDOM.normal(0.0, 0.001, (2, 400))
    hedged = hedge_positions(exposed * MARKET + 0.2 * MARKET + own, exposed, MARKET)
    assert hedged == pytest.approx(hedge_across_folds(own, MARKET), abs=1e-12)
    # Being invested at the right time is no longer in it: all that is left is its own.
    timed = np.where(MARKET > 0.0, 1.0, 0.0)[np.newaxis]
    assert hedge_positions(timed * MARKET, timed, MARKET) == pytest.approx(0.0, abs=1e-15)
    assert hedge_across_folds(timed * MARKET, MARKET).mean() > 0.003


@pytest.mark.parametrize("drift", [0.0, 0.3 / 252])
def test_buying_after_a_fall_earns_nothing_by_its_hedge(drift: float):
    one_slope, hedged = _simulate_contrarians(drift, 0)
    # In noise, with or without a drift, nobody has skill.
    assert one_slope.mean() > 5 * _error(one_slope)
    assert abs(hedged.mean()) < 3 * _error(hedged)
    assert abs(hedged.mean()) < one_slope.mean() / 3


def test_beginning_without_a_position_earns_little_in_a_rise():
    _, hedged = _simulate_contrarians(0.3 / 252, 150)
    # A slope of the bars before, which lags, would credit it with 0.76 per year.
    assert abs(hedged.mean()) < 0.15


def _simulate_contrarians(drift: float, idle: int) -> tuple[np.ndarray, np.ndarray]:
    """Return yearly Sharpe ratios of residuals of one slope, and of hedges, of 1,000 universes.

    The strategy is invested after 30 bars below the drift, and not in the first `idle` bars.
    """
    rng, lookback, bars = np.random.default_rng(3), 30, 504
    found = []
    for _ in range(1_000):
        market = drift + 0.01 * rng.standard_normal(lookback + bars)
        past = np.convolve(market, np.ones(lookback), "valid")[:bars]
        invested = (past < lookback * drift) & (np.arange(bars) >= idle)
        curve, market = (invested * market[lookback:])[np.newaxis], market[lookback:]
        residual, _ = compute_residuals(curve, market)
        both = np.concatenate([residual, hedge_across_folds(curve, market)])
        found.append(both.mean(axis=1) / both.std(axis=1, ddof=1) * 252**0.5)
    one_slope, hedged = np.array(found).T
    return one_slope, hedged


def _error(values: np.ndarray) -> float:
    return float(values.std(ddof=1)) / len(values) ** 0.5
