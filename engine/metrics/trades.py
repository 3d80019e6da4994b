"""Metrics of the trades: how many, how good, how long, at what cost.

Profits and returns of trades are after fees and slippage. "Closed" trades were exited inside the
window; one that is still open at its end is counted separately.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.costs import PercentageCosts, RoundTrips
from engine.metrics.catalogue import metric
from engine.metrics.inputs import MetricInputs
from engine.positions import EXIT_REASONS
from strategies.base import Floats

_NO_LOSER = "no closed trade lost"
_NO_PAYOFF = "no closed trade lost, or none won"
_SIGNAL = EXIT_REASONS.index("signal")


@metric("count")
def total_trades(inputs: MetricInputs) -> NDArray[Any]:
    """Return the number of trades, the open one included. Source: vectorbt trades.count."""
    return np.diff(inputs.simulation.first)


@metric("count")
def closed_trades(inputs: MetricInputs) -> NDArray[Any]:
    """Return the number of trades exited inside the window. Source: vectorbt trades.closed."""
    return inputs.closed_count


@metric("count")
def open_trades(inputs: MetricInputs) -> NDArray[Any]:
    """Return 1 if the window ends in a position, marked at the last close; otherwise 0.

    Source: vectorbt trades.open.
    """
    return total_trades(inputs) - inputs.closed_count


@metric("count")
def winning_trades(inputs: MetricInputs) -> NDArray[Any]:
    """Return the number of closed trades with a profit. Source: vectorbt trades.winning."""
    return inputs.won_count


@metric("count")
def losing_trades(inputs: MetricInputs) -> NDArray[Any]:
    """Return the number of closed trades with a loss. Source: vectorbt trades.losing."""
    return inputs.lost_count


@metric("count")
def delayed_fills(inputs: MetricInputs) -> NDArray[Any]:
    """Return the number of fills, those of stops aside, that waited for a bar with volume."""
    waited, trades = inputs.simulation.orders.waited, inputs.trades
    if not waited.any():
        return np.zeros(inputs.count, dtype=np.int64)
    if inputs.simulation.ledger is not None:
        return inputs.sum_per_backtest(inputs.simulation.ledger.fills.waited).astype(np.int64)
    entered = waited[inputs.backtest, trades["entry_idx"]]
    left = waited[inputs.backtest, trades["exit_idx"]] & (trades["exit_reason"] == _SIGNAL)
    return inputs.count_per_backtest(entered) + inputs.count_per_backtest(left)


@metric("fraction", needs="closed trades")
def win_rate(inputs: MetricInputs) -> Floats:
    """Return winning / closed trades. Source: vectorbt trades.win_rate."""
    return inputs.won_count / inputs.closed_count


@metric("ratio", _NO_LOSER, needs="closed trades")
def profit_factor(inputs: MetricInputs) -> Floats:
    """Return sum of profits / |sum of losses| of closed trades.

    Source: vectorbt trades.profit_factor.
    """
    return inputs.profits / inputs.trade_losses


@metric("money", needs="closed trades")
def expectancy(inputs: MetricInputs) -> Floats:
    """Return the mean profit or loss of a closed trade. Source: vectorbt trades.expectancy."""
    return _sum_over_closed(inputs, "pnl") / inputs.closed_count


@metric("fraction", needs="closed trades")
def average_trade_return(inputs: MetricInputs) -> Floats:
    """Return the mean return of a closed trade. Source: vectorbt trades.returns.mean()."""
    return _sum_over_closed(inputs, "return") / inputs.closed_count


@metric("fraction", needs="closed trades")
def best_trade(inputs: MetricInputs) -> Floats:
    """Return the highest return of a closed trade. Source: vectorbt trades.returns.max()."""
    best = np.full(inputs.count, -np.inf)
    np.maximum.at(best, inputs.backtest[inputs.closed], inputs.trades["return"][inputs.closed])
    return best


@metric("fraction", needs="closed trades")
def worst_trade(inputs: MetricInputs) -> Floats:
    """Return the lowest return of a closed trade. Source: vectorbt trades.returns.min()."""
    worst = np.full(inputs.count, np.inf)
    np.minimum.at(worst, inputs.backtest[inputs.closed], inputs.trades["return"][inputs.closed])
    return worst


@metric("ratio", needs="closed trades")
def average_trade_duration(inputs: MetricInputs) -> Floats:
    """Return the mean bars from entry to exit of a closed trade.

    Source: vectorbt trades.duration.mean().
    """
    held = inputs.trades["exit_idx"] - inputs.trades["entry_idx"]
    return inputs.sum_per_backtest(np.where(inputs.closed, held, 0)) / inputs.closed_count


@metric("ratio", _NO_PAYOFF, needs="closed trades")
def payoff_ratio(inputs: MetricInputs) -> Floats:
    """Return mean profit of the winning / |mean loss| of the losing trades.

    Source: Tharp (1998), "Trade Your Way to Financial Freedom"; vectorbt has none.
    """
    gain = inputs.profits / inputs.won_count
    return gain / (inputs.trade_losses / inputs.lost_count)


@metric("fraction", _NO_PAYOFF, needs="closed trades")
def kelly_fraction(inputs: MetricInputs) -> Floats:
    """Return win rate - (1 - win rate) / payoff ratio, uncapped.

    The share of capital that would have made it grow fastest if the trades had been bets.
    Negative means: do not bet. It is an estimate from few trades, not advice on leverage.
    Source: Kelly (1956), "A New Interpretation of Information Rate".
    """
    rate = win_rate(inputs)
    return rate - (1.0 - rate) / payoff_ratio(inputs)


@metric("fraction")
def exposure(inputs: MetricInputs) -> Floats:
    """Return the share of bars that close with a position.

    Source: vectorbt Portfolio.position_coverage.
    """
    until = np.where(inputs.closed, inputs.trades["exit_idx"], inputs.bars)
    return inputs.sum_per_backtest(until - inputs.trades["entry_idx"]) / inputs.bars


@metric("ratio", of_returns=True)
def turnover(inputs: MetricInputs) -> Floats:
    """Return the value of all fills / mean equity * bars per year / bars: yearly traded capital.

    Both sides count, so buying and selling everything once per year is a turnover of about 2.
    Source: Grinold and Kahn (2000), "Active Portfolio Management", both sides summed.
    """
    trades, ledger = inputs.trades, inputs.simulation.ledger
    if ledger is None:
        exit_price = np.where(inputs.closed, trades["exit_price"], 0.0)
        values = trades["size"] * (trades["entry_price"] + exit_price)
    else:
        values = ledger.fills.traded
    traded = inputs.sum_per_backtest(values)
    return traded / inputs.equity.mean(axis=1) * (inputs.bars_per_year / inputs.bars)


@metric("money")
def total_fees(inputs: MetricInputs) -> Floats:
    """Return the fees paid on all fills. Source: vectorbt orders.fees.sum()."""
    return inputs.sum_per_backtest(inputs.trades["entry_fees"] + inputs.trades["exit_fees"])


@metric("money")
def total_slippage(inputs: MetricInputs) -> Floats:
    """Return the sum of size * |price of the fill - price of the market| over all fills."""
    trades, ledger = inputs.trades, inputs.simulation.ledger
    if ledger is not None:
        return inputs.sum_per_backtest(ledger.fills.slippage)
    side = np.where(trades["direction"] == 0, 1, -1)
    trips = RoundTrips(side, trades["entry_price"], trades["exit_price"], inputs.closed)
    costs = PercentageCosts(inputs.settings.fees, inputs.settings.slippage)
    return inputs.sum_per_backtest(costs.sum_slippage(trips, trades["size"]))


@metric("money")
def total_interest(inputs: MetricInputs) -> Floats:
    """Return the interest on cash; 0 where cash earns nothing."""
    ledger = inputs.simulation.ledger
    return np.zeros(inputs.count) if ledger is None else ledger.interest


@metric("money")
def total_borrow_fees(inputs: MetricInputs) -> Floats:
    """Return the fees for borrowed shares; 0 where shorts are free."""
    ledger = inputs.simulation.ledger
    return np.zeros(inputs.count) if ledger is None else ledger.borrow_fees


@metric("count")
def unfilled_orders(inputs: MetricInputs) -> NDArray[Any]:
    """Return the number of orders that were not filled on their bar, or not in full.

    Beyond the cap on volume, smaller than a lot, not paid for by the cash, or an entry while the
    position before it was still being left; the rest of an exit counts on each bar that leaves some
    of it.
    """
    ledger = inputs.simulation.ledger
    return np.zeros(inputs.count, dtype=np.int64) if ledger is None else ledger.unfilled_orders


def _sum_over_closed(inputs: MetricInputs, field: str) -> Floats:
    return inputs.sum_per_backtest(np.where(inputs.closed, inputs.trades[field], 0.0))
