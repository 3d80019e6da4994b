"""PSR, DSR, MinTRL and MinBTL: the numbers that were published with their formulas."""

import math
from functools import partial

import numpy as np
import pytest
from skfolio.measures import probabilistic_sharpe_ratio

from research.statistics.moments import compute_moments
from research.statistics.sharpe_inference import (
    compute_dsr,
    compute_expected_maximum,
    compute_min_backtest_length,
    compute_min_track_record,
    compute_psr,
)

# Bailey & Lopez de Prado 2012: a hedge fund style, 24 months.
SHARPE, BARS, SKEW, KURTOSIS = 1.585 / math.sqrt(12), 24, -2.448, 10.164
# Bailey & Lopez de Prado 2014: the best of 100 trials over five years of days.
BEST = 2.5 / math.sqrt(250)
close = partial(pytest.approx, rel=1e-12)


def test_psr_is_the_published_one():
    assert compute_psr(SHARPE, 0.0, BARS, SKEW, KURTOSIS) == close(0.91323430688486018)
    assert compute_psr(SHARPE, 0.0, BARS) == pytest.approx(0.98159, abs=5e-6)
    assert compute_psr(1.14, 1.0, 250) == pytest.approx(0.95727, abs=1e-5)
    excess = compute_psr(SHARPE, 0.0, BARS, SKEW, KURTOSIS - 3)
    assert excess == pytest.approx(0.9198, abs=5e-4)  # what other libraries give


def test_psr_of_2025_has_the_variance_at_the_benchmark():
    psr = partial(compute_psr, 0.036 / 0.079, bars=BARS, skew=SKEW, kurtosis=KURTOSIS)
    assert psr(benchmark=0.0, at_benchmark=True) == pytest.approx(0.987, abs=5e-4)
    assert psr(benchmark=0.1, at_benchmark=True) == pytest.approx(0.939, abs=5e-4)
    length = compute_min_track_record(0.036 / 0.079, 0.0, SKEW, KURTOSIS, at_benchmark=True)
    assert length == pytest.approx(13.029, abs=5e-4)


def test_psr_of_returns_is_that_of_skfolio():
    returns = np.random.default_rng(5).standard_t(4, 500) * 0.01 + 0.0008
    moments = compute_moments(returns[np.newaxis])
    one = compute_psr(moments.sharpe, 0.0, 500, moments.skew, moments.kurtosis)
    assert one[0] == pytest.approx(probabilistic_sharpe_ratio(returns), rel=2e-3)


def test_expected_maximum_and_dsr_are_the_published_ones():
    assert compute_expected_maximum(100) == close(2.5306028932016846)
    assert compute_expected_maximum(10) == pytest.approx(1.57, abs=0.005)
    assert [compute_expected_maximum(trials) for trials in (0.0, 1.0, 1.1)] == [0.0] * 3
    dsr = partial(compute_dsr, BEST, 1250, trial_variance=0.5 / 250)
    assert dsr(-3, 10, 100) == close(0.90039683444939034)
    assert dsr(-3, 10, 46) == pytest.approx(0.9505, abs=5e-5)
    assert dsr(0, 3, 88) == pytest.approx(0.9505, abs=5e-5)
    estimated = float(np.var([3.5, 1.01, 1.02]))
    assert compute_dsr(1.14, 250, 0, 3, 3, estimated) == pytest.approx(0.95836, abs=1e-5)
    assert compute_expected_maximum(100) * 0.4 == pytest.approx(1.012241, abs=5e-7)
    assert compute_dsr(1.14, 250, 0, 3, 100, 0.4**2) == pytest.approx(0.941740, abs=5e-7)
    assert compute_dsr(BEST, 1250, -3, 10, 100) == compute_dsr(BEST, 1250, -3, 10, 100, 1 / 1249)


@pytest.mark.parametrize(
    ("year", "sharpes", "moments", "years"),
    [
        (250, (2, 1), (), 2.7311878017281761),
        (52, (2, 1), (), 2.8288335869452368),
        (12, (3, 2.5), (-0.72, 5.78), 27.352920196040301),
    ],
)
def test_minimum_track_record_is_the_published_one(year, sharpes, moments, years):
    sharpe, benchmark = np.array(sharpes) / math.sqrt(year)
    length = compute_min_track_record(sharpe, benchmark, *moments)
    assert length / year == close(years)
    # Of as many bars, the PSR is the confidence that was asked for.
    assert compute_psr(sharpe, benchmark, float(length), *moments) == close(0.95)


def test_minimum_track_record_is_infinite_without_an_excess():
    assert compute_min_track_record(1.14, 1.0) == pytest.approx(228.73497, abs=1e-5)
    lengths = compute_min_track_record(np.array([0.1, 0.0, np.nan]), 0.1)
    np.testing.assert_array_equal(lengths, [np.inf, np.inf, np.nan])


def test_minimum_backtest_length_is_the_published_one():
    assert compute_min_backtest_length(45) == close(4.9980870044434038)
    assert compute_min_backtest_length(45, 2.0) == close(4.9980870044434038 / 4)


def test_impossible_moments_and_nan_have_no_psr():
    values = compute_psr(np.array([2.0, np.nan]), 0.0, 250, skew=3.0, kurtosis=3.0)
    assert np.isnan(values).all()
    assert 0 < compute_psr(-1.0, 0.0, 700) < 1e-80  # the lower tail keeps its digits
