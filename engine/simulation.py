"""Fills, trades and equity of a batch of symbols: one call of vectorbt's simulation.

The functions that stand under vectorbt.Portfolio (its dispatch modules) are called directly,
with the Rust kernels: the numbers are the Portfolio's own, which tests hold, without a pandas
frame and a record wrapper a batch.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.orders import Orders
from engine.settings import BacktestSettings
from strategies.base import Bools, Floats

RUST = "rust"
"""vectorbt's engine. Named everywhere, never left to choose: another one could round otherwise,
and the first call of the numba engine compiles for half a minute."""


@dataclass(frozen=True)
class Simulation:
    """A simulated batch of N symbols over T bars.

    Symbols are columns, aligned at their first bar. A symbol shorter than T is padded with its
    last close and no signals, so nothing happens there; `lengths` says where it ends, and no
    reader looks beyond.

    Parameters
    ----------
    lengths
        Bars of each column, shape (N,).
    equity
        Cash and position at each close, shape (T, N).
    close
        Closes, padded, shape (T, N).
    fills
        Order records of vectorbt (``order_dt``), sorted by column.
    trades
        Exit trades of vectorbt (``trade_dt``), sorted by column; an open one is marked at the
        column's last close and bar.
    """

    lengths: NDArray[np.int64]
    equity: Floats
    close: Floats
    fills: NDArray[Any]
    trades: NDArray[Any]


def simulate(batch: Sequence[Orders], settings: BacktestSettings) -> Simulation:
    """Simulate each symbol of the batch alone, with all its cash in one position at a time."""
    lengths = np.array([len(orders.close) for orders in batch], dtype=np.int64)
    shape = (int(lengths.max()), len(batch))
    close = _columns(shape, [(orders.close, orders.close[-1]) for orders in batch])
    price = _columns(shape, [(orders.price, orders.close[-1]) for orders in batch])
    entries = _columns(shape, [(orders.entries, False) for orders in batch])
    exits = _columns(shape, [(orders.exits, False) for orders in batch])
    fills = _fills(close, price, entries, exits, settings)
    equity, trades = _equity_and_trades(close, fills, settings)
    trades["exit_idx"] = np.minimum(trades["exit_idx"], lengths[trades["col"]] - 1)
    return Simulation(lengths, equity, close, fills, trades)


def _columns(
    shape: tuple[int, int], padded: Sequence[tuple[NDArray[Any], float | bool]]
) -> NDArray[Any]:
    """Return the arrays as columns of one C-ordered matrix, each followed by its padding."""
    matrix = np.empty(shape, dtype=padded[0][0].dtype)
    for column, (values, padding) in enumerate(padded):
        matrix[: len(values), column] = values
        matrix[len(values) :, column] = padding
    return matrix


def _fills(
    close: Floats, price: Floats, entries: Bools, exits: Bools, settings: BacktestSettings
) -> NDArray[Any]:
    from vectorbt.portfolio import dispatch
    from vectorbt.portfolio.enums import ConflictMode, Direction

    columns = close.shape[1]
    fills, _ = dispatch.simulate_from_signals(
        close.shape,
        group_lens=np.ones(columns, dtype=np.int64),
        init_cash=np.full(columns, settings.initial_capital),
        call_seq=np.zeros(close.shape, dtype=np.int64),
        entries=entries,
        exits=exits,
        price=price,
        close=close,
        direction=np.asarray(Direction.LongOnly),
        upon_long_conflict=np.asarray(ConflictMode.Ignore),
        fees=np.asarray(settings.fees),
        slippage=np.asarray(settings.slippage),
        use_stops=False,
        engine=RUST,
    )
    return fills


def _equity_and_trades(
    close: Floats, fills: NDArray[Any], settings: BacktestSettings
) -> tuple[Floats, NDArray[Any]]:
    from vectorbt.portfolio import dispatch
    from vectorbt.portfolio.enums import Direction

    columns = close.shape[1]
    counts = np.bincount(fills["col"], minlength=columns).astype(np.int64)
    by_column = (np.arange(len(fills)), counts)
    flow = dispatch.asset_flow(close.shape, fills, by_column, Direction.Both, engine=RUST)
    spent = dispatch.cash_flow(close.shape, fills, by_column, False, engine=RUST)
    capital = np.full(columns, settings.initial_capital)
    cash = dispatch.cash(spent, capital, engine=RUST)
    held = dispatch.asset_value(close, dispatch.assets(flow, engine=RUST), engine=RUST)
    equity = dispatch.value(cash, held, engine=RUST)
    return equity, dispatch.get_exit_trades(fills, close, by_column, engine=RUST)
