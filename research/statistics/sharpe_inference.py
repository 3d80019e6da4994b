"""How much a Sharpe ratio says: PSR, DSR, minimum track record and minimum backtest length.

All Sharpe ratios are per bar, kurtosis is RAW: 3 for the normal distribution. vectorbt
(`returns/metrics.py`), Lean (`Statistics.cs`) and quantstats (`stats.py`) feed EXCESS kurtosis into
the same formulas and are wrong there: on the example of the PSR paper they give 0.9198 where 0.9132
is right.

Sources
-------
[1] Bailey & Lopez de Prado 2012, The Sharpe ratio efficient frontier, Journal of Risk 15(2).
[2] Bailey & Lopez de Prado 2014, The deflated Sharpe ratio, Journal of Portfolio Management 40(5).
[3] Bailey, Borwein, Lopez de Prado & Zhu 2014, Pseudo-mathematics and financial charlatanism,
    Notices of the AMS 61(5).
[4] Lopez de Prado, Lipton & Zoonekynd 2025, How to use the Sharpe ratio.

Where sources conflict
----------------------
[1] takes the variance of the estimate at the observed Sharpe ratio and T - 1 observations, [4] at
the one that is tested against and T. The default is [1], because the published numbers, and those
of other libraries, are of it; `at_benchmark=True` is [4]. Which one was used belongs beside the
number.
"""

import math
from statistics import NormalDist

import numpy as np
from numpy.typing import ArrayLike

from strategies.base import Floats

_NORMAL = NormalDist()
_NORMAL_KURTOSIS = 3.0


def compute_psr(
    sharpe: ArrayLike,
    benchmark: ArrayLike,
    bars: float,
    skew: ArrayLike = 0.0,
    kurtosis: ArrayLike = _NORMAL_KURTOSIS,
    *,
    at_benchmark: bool = False,
) -> Floats:
    """Return the probabilistic Sharpe ratio: P(the true Sharpe ratio exceeds `benchmark`).

    Phi((SR - SR*) sqrt(T - 1) / sqrt(1 - skew SR + (kurtosis - 1) / 4 SR^2)), [1] equation 9.

    Arguments broadcast. NaN where one of them is NaN, or where the variance is not positive: no
    returns have such moments.

    Parameters
    ----------
    bars
        The number of returns that the Sharpe ratio is of, T.
    kurtosis
        RAW: 3 for the normal distribution.
    at_benchmark
        Take the variance at SR* and T observations, [4].
    """
    observed, tested = np.asarray(sharpe, dtype=float), np.asarray(benchmark, dtype=float)
    variance = _variance(tested if at_benchmark else observed, skew, kurtosis)
    observations = bars if at_benchmark else bars - 1
    return _phi((observed - tested) * np.sqrt(observations / variance))


def compute_dsr(
    sharpe: ArrayLike,
    bars: int,
    skew: ArrayLike,
    kurtosis: ArrayLike,
    trials: float,
    trial_variance: float | None = None,
    *,
    at_benchmark: bool = False,
) -> Floats:
    """Return the deflated Sharpe ratio: the PSR against the best of `trials` without skill, [2].

    Its benchmark is sqrt(V) E[max], see `compute_expected_maximum`.

    Parameters
    ----------
    trials
        Effective number of independent trials, see `count_effective_trials`.
    trial_variance
        V, the variance of the trials' Sharpe ratios per bar. None is 1 / (T - 1), that of trials
        without skill: the variance observed across trials grows 3 to 13 times where one strategy
        has an edge and the others lose, and then rejects every real edge.
    """
    variance = 1.0 / (bars - 1) if trial_variance is None else trial_variance
    bar = math.sqrt(variance) * compute_expected_maximum(trials)
    return compute_psr(sharpe, bar, bars, skew, kurtosis, at_benchmark=at_benchmark)


def compute_expected_maximum(trials: float) -> float:
    """Return the expected maximum of N independent standard normals, as [2] approximates it.

    (1 - g) Phi^-1(1 - 1/N) + g Phi^-1(1 - 1/(N e)), g the Euler-Mascheroni constant. N need not be
    whole; 0 for N up to 1, and where the approximation is negative (below 1.3).
    """
    if not trials > 1.0:
        return 0.0
    gamma = float(np.euler_gamma)
    ordinary = _NORMAL.inv_cdf(1.0 - 1.0 / trials)
    extreme = _NORMAL.inv_cdf(1.0 - 1.0 / (trials * math.e))
    return max(0.0, (1.0 - gamma) * ordinary + gamma * extreme)


def compute_min_track_record(
    sharpe: ArrayLike,
    benchmark: ArrayLike,
    skew: ArrayLike = 0.0,
    kurtosis: ArrayLike = _NORMAL_KURTOSIS,
    *,
    alpha: float = 0.05,
    at_benchmark: bool = False,
) -> Floats:
    """Return MinTRL: the bars after which the PSR against `benchmark` reaches 1 - alpha.

    1 + (1 - skew SR + (kurtosis - 1) / 4 SR^2) (z / (SR - SR*))^2, z = Phi^-1(1 - alpha), [1]
    equation 11; without the leading 1 and with the variance at SR* in [4]. Infinite where the
    Sharpe ratio does not exceed the benchmark; NaN as in `compute_psr`.
    """
    observed, tested = np.asarray(sharpe, dtype=float), np.asarray(benchmark, dtype=float)
    variance = _variance(tested if at_benchmark else observed, skew, kurtosis)
    excess = observed - tested
    with np.errstate(divide="ignore"):
        bars = (not at_benchmark) + variance * (_NORMAL.inv_cdf(1.0 - alpha) / excess) ** 2
    return np.where(excess <= 0.0, np.inf, bars)


def compute_min_backtest_length(trials: float, annual_sharpe: float = 1.0) -> float:
    """Return MinBTL in years: a shorter backtest has a best trial of that Sharpe ratio by luck.

    (E[max of N] / SR)^2, [3] equation 6, for N independent trials without skill.

    Parameters
    ----------
    annual_sharpe
        Per year, above 0.
    """
    ratio = compute_expected_maximum(trials) / annual_sharpe
    return ratio * ratio


def _variance(sharpe: Floats, skew: ArrayLike, kurtosis: ArrayLike) -> Floats:
    """Return that of the estimated Sharpe ratio times observations; NaN where not positive."""
    third, fourth = np.asarray(skew, dtype=float), np.asarray(kurtosis, dtype=float)
    variance = 1.0 - third * sharpe + (fourth - 1.0) / 4.0 * sharpe**2
    return np.where(variance > 0.0, variance, np.nan)


@np.vectorize(otypes=[np.float64])
def _phi(z: float) -> float:
    """Return the normal distribution function; by erfc, which is exact in the lower tail too."""
    return 0.5 * math.erfc(-z / math.sqrt(2.0))
