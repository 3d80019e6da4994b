"""Metrics of the equity curve: return, risk, drawdown and their ratios.

Returns are those of `Sample.returns`, bar by bar; the risk-free rate and the required return
are 0. "vectorbt" names the accessor whose value it is, asked with the run's year length.
"""

import numpy as np

from engine.metrics.catalogue import metric
from engine.metrics.inputs import Sample
from strategies.base import Floats

_NO_VARIANCE = "the returns have no variance"
_NO_LOSS = "no return is negative"
_NO_DRAWDOWN = "there is no drawdown"


@metric("fraction")
def total_return(sample: Sample) -> Floats:
    """Return final value / initial capital - 1. Source: vectorbt Portfolio.total_return."""
    return final_value(sample) / sample.settings.initial_capital - 1.0


@metric("fraction", "the capital was lost", of_returns=True)
def annualized_return(sample: Sample) -> Floats:
    """Return (1 + total return) ** (year length / bars) - 1, the compound annual growth rate.

    Source: vectorbt returns.annualized.
    """
    growth = final_value(sample) / sample.settings.initial_capital
    return (
        np.where(growth < 0, np.nan, growth) ** (sample.settings.bars_per_year / sample.bars) - 1.0
    )


@metric("fraction", of_returns=True)
def annualized_volatility(sample: Sample) -> Floats:
    """Return the sample deviation of returns * sqrt(year length).

    Source: vectorbt returns.annualized_volatility.
    """
    return sample.deviation * np.sqrt(sample.settings.bars_per_year)


@metric("fraction", of_returns=True)
def downside_volatility(sample: Sample) -> Floats:
    """Return sqrt(mean(min(return, 0) ** 2)) * sqrt(year length), the mean over all bars.

    Source: Sortino and Price (1994), "Performance Measurement in a Downside Risk Framework";
    vectorbt returns.downside_risk.
    """
    return sample.downside_deviation * np.sqrt(sample.settings.bars_per_year)


@metric("ratio", _NO_VARIANCE, of_returns=True)
def sharpe_ratio(sample: Sample) -> Floats:
    """Return mean / sample deviation of returns * sqrt(year length).

    Source: Sharpe (1994), "The Sharpe Ratio"; vectorbt returns.sharpe_ratio.
    """
    return sample.mean / sample.deviation * np.sqrt(sample.settings.bars_per_year)


@metric("ratio", _NO_LOSS, of_returns=True)
def sortino_ratio(sample: Sample) -> Floats:
    """Return annualized mean return / downside volatility.

    Source: Sortino and Price (1994); vectorbt returns.sortino_ratio.
    """
    year = sample.settings.bars_per_year
    enough = np.nan if sample.bars == 1 else 1.0
    return enough * sample.mean * year / downside_volatility(sample)


@metric("ratio", _NO_DRAWDOWN, of_returns=True)
def calmar_ratio(sample: Sample) -> Floats:
    """Return annualized return / |maximum drawdown|.

    Source: Young (1991), "Calmar Ratio: A Smoother Tool"; vectorbt returns.calmar_ratio.
    """
    return annualized_return(sample) / np.abs(sample.max_drawdown)


@metric("ratio", _NO_LOSS, of_returns=True)
def omega_ratio(sample: Sample) -> Floats:
    """Return sum of gains / |sum of losses| of returns, at a threshold of 0.

    Source: Keating and Shadwick (2002), "A Universal Performance Measure"; vectorbt
    returns.omega_ratio.
    """
    return np.maximum(sample.returns, 0.0).sum(axis=1) / -sample.total_loss


@metric("fraction")
def max_drawdown(sample: Sample) -> Floats:
    """Return the deepest fall of equity below its highest so far, 0 or negative.

    Source: vectorbt returns.max_drawdown.
    """
    return sample.max_drawdown


@metric("count")
def max_drawdown_duration(sample: Sample) -> Floats:
    """Return the most bars in a row with equity below its highest so far, until the end if so.

    Source: vectorbt drawdowns.max_duration, in bars.
    """
    at_peak = np.flatnonzero(sample.equity >= sample.peak)
    below = np.diff(at_peak, append=sample.equity.size) - 1
    # The first bar is always a peak: each backtest has a run, and none reaches into the next.
    first = np.searchsorted(at_peak, np.arange(sample.count) * sample.bars)
    return np.where(sample.max_drawdown < 0, np.maximum.reduceat(below, first), 0)


@metric("ratio", _NO_DRAWDOWN)
def recovery_factor(sample: Sample) -> Floats:
    """Return net profit / deepest fall of equity below its highest so far, both in money.

    Source: MetaQuotes, MetaTrader 5 help, "Testing report".
    """
    fall = np.where(sample.max_drawdown < 0, (sample.peak - sample.equity).max(axis=1), 0.0)
    return (final_value(sample) - sample.settings.initial_capital) / fall


@metric("fraction", of_returns=True)
def value_at_risk(sample: Sample) -> Floats:
    """Return the 5 % quantile of returns, linear between neighbours: VaR at 95 %.

    Source: Hyndman and Fan (1996), definition 7; vectorbt returns.value_at_risk.
    """
    worst, below = sample.worst_returns, int(sample.tail)
    low, high = worst[:, below], worst[:, min(below + 1, worst.shape[1] - 1)]
    return low + (high - low) * (sample.tail - below)


@metric("fraction", of_returns=True)
def conditional_value_at_risk(sample: Sample) -> Floats:
    """Return the mean of the worst floor(0.05 * (bars - 1)) + 1 returns: CVaR at 95 %.

    Source: Rockafellar and Uryasev (2000), "Optimization of conditional value-at-risk";
    vectorbt returns.cond_value_at_risk.
    """
    return sample.worst_returns[:, : int(sample.tail) + 1].mean(axis=1)


@metric("money")
def final_value(sample: Sample) -> Floats:
    """Return cash and position at the last close. Source: vectorbt Portfolio.final_value."""
    return sample.equity[:, -1]


@metric("money")
def peak_value(sample: Sample) -> Floats:
    """Return the highest equity at any close. Source: vectorbt Portfolio.value().max()."""
    return sample.peak[:, -1]
