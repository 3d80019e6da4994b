"""The tables of a portfolio: weights, trades and equity, day by day."""

import numpy as np
import polars as pl

from engine.account.outcome import REASONS
from research.portfolio.portfolio import Portfolio

WEIGHTS_SCHEMA = pl.Schema({"date": pl.Date(), "symbol": pl.String(), "weight": pl.Float64()})
"""Share of the equity that each position is at each close, negative for shorts."""

TRADES_SCHEMA = pl.Schema(
    {
        "date": pl.Date(),
        "symbol": pl.String(),
        "reason": pl.String(),
        "size": pl.Float64(),
        "price": pl.Float64(),
        "value": pl.Float64(),
        "fees": pl.Float64(),
        "slippage": pl.Float64(),
    }
)
"""Each fill in its order: shares, negative for a sale; its price; value, fees and slippage are
money, the value that of the shares at that price."""

EQUITY_SCHEMA = pl.Schema(
    {
        "date": pl.Date(),
        "equity": pl.Float64(),
        "cash": pl.Float64(),
        "positions": pl.Int64(),
        "gross": pl.Float64(),
        "net": pl.Float64(),
        "universe": pl.Float64(),
        "benchmark": pl.Float64(),
        "doubled_costs": pl.Float64(),
    }
)
"""At each close: money, number of positions, exposure as a fraction of the equity; and what the
capital would be in the universe, in the benchmark (null without one), and at twice the costs."""


def build_weights(portfolio: Portfolio) -> pl.DataFrame:
    """Return the weights by day and symbol, with `WEIGHTS_SCHEMA`."""
    outcome = portfolio.outcome
    bar, symbol, value = outcome.held().list_values()
    order = np.lexsort((symbol, bar))
    bar, symbol = bar[order], symbol[order]
    columns = {
        "date": outcome.market.dates[bar],
        "symbol": pl.Series(list(outcome.market.symbols), dtype=pl.String).gather(symbol),
        "weight": value[order] / outcome.equity[bar],
    }
    return pl.DataFrame(columns, schema=WEIGHTS_SCHEMA)


def build_trades(portfolio: Portfolio) -> pl.DataFrame:
    """Return the fills in their order, with `TRADES_SCHEMA`."""
    outcome = portfolio.outcome
    fills = outcome.fills
    size = np.abs(fills["size"])
    columns = {
        "date": outcome.market.dates[fills["bar"]],
        "symbol": pl.Series(list(outcome.market.symbols), dtype=pl.String).gather(fills["symbol"]),
        "reason": pl.Series(REASONS, dtype=pl.String).gather(fills["reason"]),
        "size": np.ascontiguousarray(fills["size"]),
        "price": np.ascontiguousarray(fills["price"]),
        "value": size * fills["price"],
        "fees": np.ascontiguousarray(fills["fees"]),
        "slippage": size * np.abs(fills["price"] - fills["market_price"]),
    }
    return pl.DataFrame(columns, schema=TRADES_SCHEMA)


def build_equity(portfolio: Portfolio) -> pl.DataFrame:
    """Return the account at each close, with `EQUITY_SCHEMA`."""
    outcome, held = portfolio.outcome, portfolio.outcome.held()
    start, equity, capital = outcome.market.first, outcome.curve, outcome.capital
    benchmark = portfolio.benchmark
    columns = {
        "date": outcome.dates,
        "equity": equity,
        "cash": outcome.cash[start:],
        "positions": held.count()[start:],
        "gross": held.sum_values(absolute=True)[start:] / equity,
        "net": held.sum_values()[start:] / equity,
        "universe": capital * np.cumprod(1.0 + portfolio.universe),
        "benchmark": None if benchmark is None else capital * np.cumprod(1.0 + benchmark),
        "doubled_costs": portfolio.doubled_costs,
    }
    return pl.DataFrame(columns, schema=EQUITY_SCHEMA)
