"""Metrics of the equity curve: return, risk, drawdown and their ratios.

Returns are those of `MetricInputs.returns`, bar by bar; the risk-free rate and the required return
are what cash earns: 0 unless costs say otherwise. "vectorbt" names the accessor with the same
value, given the symbol's bars per year.
"""

import numpy as np

from engine.metrics.catalogue import metric
from engine.metrics.inputs import MetricInputs
from engine.metrics.reductions import ROUNDING
from strategies.base import Floats

_NO_VARIANCE = "the returns have no variance"
_NO_LOSS = "no return is negative"
_NO_DRAWDOWN = "there is no drawdown"


@metric("fraction")
def total_return(inputs: MetricInputs) -> Floats:
    """Return final value / initial capital - 1. Source: vectorbt Portfolio.total_return."""
    return final_value(inputs) / inputs.settings.initial_capital - 1.0


@metric("fraction", "the capital was lost", of_returns=True)
def annualized_return(inputs: MetricInputs) -> Floats:
    """Return (1 + total return) ** (bars per year / bars) - 1, the compound annual growth rate.

    Source: vectorbt returns.annualized.
    """
    return inputs.annualized_return


@metric("fraction", of_returns=True)
def annualized_volatility(inputs: MetricInputs) -> Floats:
    """Return the sample deviation of returns * sqrt(bars per year).

    Source: vectorbt returns.annualized_volatility.
    """
    return inputs.deviation * np.sqrt(inputs.bars_per_year)


@metric("fraction", of_returns=True)
def downside_volatility(inputs: MetricInputs) -> Floats:
    """Return sqrt(mean(min(return, 0) ** 2)) * sqrt(bars per year), the mean over all bars.

    Source: Sortino and Price (1994), "Performance Measurement in a Downside Risk Framework";
    vectorbt returns.downside_risk.
    """
    return inputs.downside_deviation * np.sqrt(inputs.bars_per_year)


@metric("ratio", _NO_VARIANCE, of_returns=True)
def sharpe_ratio(inputs: MetricInputs) -> Floats:
    """Return mean / sample deviation of returns beyond cash's * sqrt(bars per year).

    Source: Sharpe (1994), "The Sharpe Ratio"; vectorbt returns.sharpe_ratio.
    """
    return inputs.excess_mean / inputs.excess_deviation * np.sqrt(inputs.bars_per_year)


@metric("ratio", _NO_LOSS, of_returns=True)
def sortino_ratio(inputs: MetricInputs) -> Floats:
    """Return annualized mean return beyond cash's / downside volatility below it.

    Source: Sortino and Price (1994); vectorbt returns.sortino_ratio.
    """
    defined = np.nan if inputs.bars == 1 else 1.0
    shortfall = inputs.shortfall_deviation * np.sqrt(inputs.bars_per_year)
    return defined * inputs.excess_mean * inputs.bars_per_year / shortfall


@metric("ratio", _NO_DRAWDOWN, of_returns=True)
def calmar_ratio(inputs: MetricInputs) -> Floats:
    """Return annualized return / |maximum drawdown|.

    Source: Young (1991), "Calmar Ratio: A Smoother Tool"; vectorbt returns.calmar_ratio.
    """
    return inputs.annualized_return / np.abs(inputs.max_drawdown)


@metric("ratio", _NO_LOSS, of_returns=True)
def omega_ratio(inputs: MetricInputs) -> Floats:
    """Return sum of gains / |sum of losses| of returns, at a threshold of 0.

    Source: Keating and Shadwick (2002), "A Universal Performance Measure"; vectorbt
    returns.omega_ratio.
    """
    return np.maximum(inputs.returns, 0.0).sum(axis=1) / -inputs.total_loss


@metric("fraction")
def max_drawdown(inputs: MetricInputs) -> Floats:
    """Return the deepest fall of equity below its highest so far, 0 or negative.

    Source: vectorbt returns.max_drawdown.
    """
    return inputs.max_drawdown


@metric("count")
def max_drawdown_duration(inputs: MetricInputs) -> Floats:
    """Return the most bars in a row with equity below its highest so far, up to the end at most.

    Source: vectorbt drawdowns.max_duration, in bars.
    """
    # A position that is sold at the peak's close may leave 1e-16 less than it was worth.
    at_peak = np.flatnonzero(inputs.equity > inputs.peak * (1.0 - ROUNDING))
    below = np.diff(at_peak, append=inputs.equity.size) - 1
    # The first bar is always a peak: each backtest has a run, and none reaches into the next.
    first = np.searchsorted(at_peak, np.arange(inputs.count) * inputs.bars)
    return np.where(inputs.max_drawdown < 0, np.maximum.reduceat(below, first), 0)


@metric("ratio", _NO_DRAWDOWN)
def recovery_factor(inputs: MetricInputs) -> Floats:
    """Return net profit / deepest fall of equity below its highest so far, both in money.

    Source: MetaQuotes, MetaTrader 5 help, "Testing report".
    """
    fall = np.where(inputs.max_drawdown < 0, (inputs.peak - inputs.equity).max(axis=1), 0.0)
    return (final_value(inputs) - inputs.settings.initial_capital) / fall


@metric("fraction", of_returns=True)
def value_at_risk(inputs: MetricInputs) -> Floats:
    """Return the 5 % quantile of returns, linear between neighbours: VaR at 95 %.

    Source: Hyndman and Fan (1996), definition 7; vectorbt returns.value_at_risk.
    """
    worst, below = inputs.worst_returns, int(inputs.tail)
    low, high = worst[:, below], worst[:, min(below + 1, worst.shape[1] - 1)]
    return low + (high - low) * (inputs.tail - below)


@metric("fraction", of_returns=True)
def conditional_value_at_risk(inputs: MetricInputs) -> Floats:
    """Return the mean of the worst floor(0.05 * (bars - 1)) + 1 returns: CVaR at 95 %.

    Source: Rockafellar and Uryasev (2000), "Optimization of conditional value-at-risk";
    vectorbt returns.cond_value_at_risk.
    """
    return inputs.worst_returns[:, : int(inputs.tail) + 1].mean(axis=1)


@metric("money")
def final_value(inputs: MetricInputs) -> Floats:
    """Return cash and position at the last close. Source: vectorbt Portfolio.final_value."""
    return inputs.equity[:, -1]


@metric("money")
def peak_value(inputs: MetricInputs) -> Floats:
    """Return the highest equity at any close. Source: vectorbt Portfolio.value().max()."""
    return inputs.peak[:, -1]
