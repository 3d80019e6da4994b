"""Where the profit of a portfolio comes from: symbols, sectors, sides and costs."""

import numpy as np
import polars as pl

from engine.account.outcome import EXIT, AccountOutcome
from research.portfolio.portfolio import Portfolio
from strategies.base import Bools, Floats, Ints

ATTRIBUTION_SCHEMA = pl.Schema(
    {
        "symbol": pl.String(),
        "sector": pl.String(),
        "side": pl.String(),
        "fills": pl.Int64(),
        "pnl": pl.Float64(),
        "fees": pl.Float64(),
        "slippage": pl.Float64(),
    }
)
"""One row per symbol and side that was held. `pnl` is money, after fees and slippage; all of them,
with interest and borrow fees, are what the equity has grown by."""


def attribute_profit(portfolio: Portfolio) -> pl.DataFrame:
    """Return the profit of each symbol and side, the highest first, with `ATTRIBUTION_SCHEMA`."""
    outcome = portfolio.outcome
    fills, symbols = outcome.fills, portfolio.market.symbols
    long = find_sides(outcome)
    group = 2 * fills["symbol"].astype(np.int64) + ~long
    spent = fills["size"] * fills["price"] + fills["fees"]
    size = np.abs(fills["size"])
    pnl = _sum(group, -spent, len(symbols)) + _value_what_is_held(outcome)
    slippage = size * np.abs(fills["price"] - fills["market_price"])
    count = np.bincount(group, minlength=2 * len(symbols))
    some = np.flatnonzero(count)
    frame = pl.DataFrame(
        {
            "symbol": [symbols[one // 2] for one in some.tolist()],
            "sector": [portfolio.sectors[one // 2] for one in some.tolist()],
            "side": ["short" if one % 2 else "long" for one in some.tolist()],
            "fills": count[some],
            "pnl": pnl[some],
            "fees": _sum(group, fills["fees"], len(symbols))[some],
            "slippage": _sum(group, slippage, len(symbols))[some],
        },
        schema=ATTRIBUTION_SCHEMA,
    )
    return frame.sort(["pnl", "symbol", "side"], descending=[True, False, False])


def find_sides(outcome: AccountOutcome) -> Bools:
    """Return whether each fill belongs to a long position, shape (M,).

    An order that opens a position is on its side, one that closes it on the other; of one that
    changes its size, what is held after it says which side it is on.
    """
    fills = outcome.fills
    held = np.zeros(len(outcome.market.symbols))
    long = np.empty(len(fills), dtype=np.bool_)
    rows = zip(
        fills["symbol"].tolist(), fills["size"].tolist(), fills["reason"].tolist(), strict=True
    )
    for row, (symbol, size, reason) in enumerate(rows):
        before = held.item(symbol)
        long[row] = (before > 0) if before else (size > 0)
        # An exit leaves nothing, whatever the rounding of sums is.
        held[symbol] = before + size
        if reason == EXIT and abs(held.item(symbol)) < 1e-9 * abs(size):
            held[symbol] = 0.0
    return long


def _sum(group: Ints, value: Floats, symbols: int) -> Floats:
    return np.bincount(group, value, minlength=2 * symbols).astype(np.float64)


def _value_what_is_held(outcome: AccountOutcome) -> Floats:
    held, bars = outcome.held(), len(outcome.equity)
    last = held.stop == bars
    symbol, shares = held.symbol[last], held.shares[last]
    value = shares * outcome.market.close[-1, symbol]
    return _sum(2 * symbol + (shares < 0), value, len(outcome.market.symbols))
