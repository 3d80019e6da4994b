"""Metrics of the trades: how many, how good, how long, how costly.

Profits and returns of trades are after fees and slippage. "Closed" trades were exited inside the
window; the one that is still open at its end is counted, and told apart.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.costs import RoundTrips
from engine.metrics.catalogue import metric
from engine.metrics.inputs import Sample
from strategies.base import Floats

_NO_LOSER = "no closed trade lost"
_NO_WINNER = "no closed trade won"


@metric("count")
def total_trades(sample: Sample) -> NDArray[Any]:
    """Return the number of trades, the open one included. Source: vectorbt trades.count."""
    return np.diff(sample.simulation.first)


@metric("count")
def closed_trades(sample: Sample) -> NDArray[Any]:
    """Return the number of trades exited inside the window. Source: vectorbt trades.closed."""
    return sample.number(sample.closed)


@metric("count")
def open_trades(sample: Sample) -> NDArray[Any]:
    """Return 1 if the window ends in a position, marked at the last close; otherwise 0.

    Source: vectorbt trades.open.
    """
    return total_trades(sample) - closed_trades(sample)


@metric("count")
def winning_trades(sample: Sample) -> NDArray[Any]:
    """Return the number of closed trades with a profit. Source: vectorbt trades.winning."""
    return sample.number(sample.won)


@metric("count")
def losing_trades(sample: Sample) -> NDArray[Any]:
    """Return the number of closed trades with a loss. Source: vectorbt trades.losing."""
    return sample.number(sample.lost)


@metric("fraction", needs="closed trades")
def win_rate(sample: Sample) -> Floats:
    """Return winning / closed trades. Source: vectorbt trades.win_rate."""
    return winning_trades(sample) / closed_trades(sample)


@metric("ratio", _NO_LOSER, needs="closed trades")
def profit_factor(sample: Sample) -> Floats:
    """Return sum of profits / |sum of losses| of closed trades.

    Source: vectorbt trades.profit_factor.
    """
    return _profits(sample) / _losses(sample)


@metric("money", needs="closed trades")
def expectancy(sample: Sample) -> Floats:
    """Return the mean profit or loss of a closed trade. Source: vectorbt trades.expectancy."""
    return _of_closed(sample, "pnl") / closed_trades(sample)


@metric("fraction", needs="closed trades")
def average_trade_return(sample: Sample) -> Floats:
    """Return the mean return of a closed trade. Source: vectorbt trades.returns.mean()."""
    return _of_closed(sample, "return") / closed_trades(sample)


@metric("fraction", needs="closed trades")
def best_trade(sample: Sample) -> Floats:
    """Return the highest return of a closed trade. Source: vectorbt trades.returns.max()."""
    best = np.full(sample.count, -np.inf)
    np.maximum.at(best, sample.backtest[sample.closed], sample.trades["return"][sample.closed])
    return best


@metric("fraction", needs="closed trades")
def worst_trade(sample: Sample) -> Floats:
    """Return the lowest return of a closed trade. Source: vectorbt trades.returns.min()."""
    worst = np.full(sample.count, np.inf)
    np.minimum.at(worst, sample.backtest[sample.closed], sample.trades["return"][sample.closed])
    return worst


@metric("ratio", needs="closed trades")
def average_trade_duration(sample: Sample) -> Floats:
    """Return the mean bars from entry to exit of a closed trade.

    Source: vectorbt trades.duration.mean().
    """
    held = sample.trades["exit_idx"] - sample.trades["entry_idx"]
    return sample.total(np.where(sample.closed, held, 0)) / closed_trades(sample)


@metric("ratio", "no closed trade lost, or none won", needs="closed trades")
def payoff_ratio(sample: Sample) -> Floats:
    """Return mean profit of the winning / |mean loss| of the losing trades.

    Source: Tharp (1998), "Trade Your Way to Financial Freedom"; vectorbt has none.
    """
    gain = _profits(sample) / winning_trades(sample)
    return gain / (_losses(sample) / losing_trades(sample))


@metric("fraction", "no closed trade lost, or none won", needs="closed trades")
def kelly_fraction(sample: Sample) -> Floats:
    """Return win rate - (1 - win rate) / payoff ratio, uncapped.

    The share of capital that would have grown it fastest, had the trades been bets. Negative
    means: do not bet; it is an estimate from few trades, and no advice on leverage.
    Source: Kelly (1956), "A New Interpretation of Information Rate".
    """
    rate = win_rate(sample)
    return rate - (1.0 - rate) / payoff_ratio(sample)


@metric("fraction")
def exposure(sample: Sample) -> Floats:
    """Return the share of bars that close with a position.

    Source: vectorbt Portfolio.position_coverage.
    """
    until = np.where(sample.closed, sample.trades["exit_idx"], sample.bars)
    return sample.total(until - sample.trades["entry_idx"]) / sample.bars


@metric("ratio", of_returns=True)
def turnover(sample: Sample) -> Floats:
    """Return the value of all fills / mean equity * year length / bars: traded capital a year.

    Both sides count, so that buying and selling all once a year is a turnover of about 2.
    Source: Grinold and Kahn (2000), "Active Portfolio Management", both sides summed.
    """
    trades = sample.trades
    exit_price = np.where(sample.closed, trades["exit_price"], 0.0)
    traded = sample.total(trades["size"] * (trades["entry_price"] + exit_price))
    return traded / sample.equity.mean(axis=1) * (sample.settings.bars_per_year / sample.bars)


@metric("money")
def total_fees(sample: Sample) -> Floats:
    """Return the fees paid on all fills. Source: vectorbt orders.fees.sum()."""
    return sample.total(sample.trades["entry_fees"] + sample.trades["exit_fees"])


@metric("money")
def total_slippage(sample: Sample) -> Floats:
    """Return the sum of size * |price of the fill - price of the market| over all fills."""
    trades = sample.trades
    side = np.where(trades["direction"] == 0, 1, -1)
    trips = RoundTrips(side, trades["entry_price"], trades["exit_price"], sample.closed)
    return sample.total(sample.settings.costs.sum_slippage(trips, trades["size"]))


def _of_closed(sample: Sample, field: str) -> Floats:
    return sample.total(np.where(sample.closed, sample.trades[field], 0.0))


def _profits(sample: Sample) -> Floats:
    return sample.total(np.where(sample.won, sample.trades["pnl"], 0.0))


def _losses(sample: Sample) -> Floats:
    return sample.total(np.where(sample.lost, -sample.trades["pnl"], 0.0))
