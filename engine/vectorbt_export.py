"""A result as a vectorbt Portfolio: the same fills, for its plots and further analysis."""

from typing import TYPE_CHECKING

import numpy as np

from engine.errors import MissingPackageError, UnlikeResultError
from engine.results import BacktestResult

if TYPE_CHECKING:
    import vectorbt


def export_portfolio(result: BacktestResult) -> "vectorbt.Portfolio":
    """Return a Portfolio with the fills of `result`.

    It gets the fills, not the signals: vectorbt fills one order per bar and cannot repeat a stop on
    the bar of the entry.

    vectorbt's own year has 365 days: give its annualized accessors ``year_freq="252D"``.

    Raises
    ------
    MissingPackageError
        When vectorbt is not installed: nothing else needs it.
    UnlikeResultError
        When the portfolio would have another value: it knows neither interest nor borrow fees, and
        trades have one exit, where the cap on volume may make several.
    """
    import pandas as pd

    try:
        import vectorbt as vbt
        from vectorbt.base.array_wrapper import ArrayWrapper
        from vectorbt.portfolio.enums import log_dt
    except ModuleNotFoundError as error:
        raise MissingPackageError.of("A vectorbt Portfolio", "vectorbt") from error

    index = pd.DatetimeIndex(result.dates)
    close = pd.Series(result.close, index=index, name=result.symbol)
    portfolio = vbt.Portfolio(
        ArrayWrapper.from_obj(close, freq="1D"),
        close,
        _order_records(result),
        np.empty(0, dtype=log_dt),
        np.array([result.settings.initial_capital]),
        cash_sharing=False,
        engine="rust",
    )
    if result.kept_equity is not None and not np.allclose(portfolio.value(), result.equity, 1e-9):
        raise UnlikeResultError(
            f"{result.symbol}: vectorbt knows neither interest, borrow fees nor an exit over "
            "several bars, which this result has: its Portfolio would end with "
            f"{portfolio.final_value():,.2f} instead of {result.equity[-1]:,.2f}."
        )
    return portfolio


def _order_records(result: BacktestResult) -> np.ndarray:
    """Return the fills in the order in which they happened, as vectorbt's ``order_dt``."""
    from vectorbt.portfolio.enums import OrderSide, order_dt

    trades = result.trades
    short = trades["direction"] == 1
    records = np.zeros((len(trades), 2), dtype=order_dt)
    for leg, (kind, buys) in enumerate((("entry", ~short), ("exit", short))):
        records["idx"][:, leg] = trades[f"{kind}_idx"]
        records["price"][:, leg] = trades[f"{kind}_price"]
        records["fees"][:, leg] = trades[f"{kind}_fees"]
        records["size"][:, leg] = trades["size"]
        records["side"][:, leg] = np.where(buys, OrderSide.Buy, OrderSide.Sell)
    filled = np.ones(records.shape, dtype=np.bool_)
    filled[:, 1] = trades["status"] == 1
    flat = records[filled]
    flat["id"] = np.arange(len(flat))
    return flat
