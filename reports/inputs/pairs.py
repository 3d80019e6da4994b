"""What the pages of symbols show: each strategy on each symbol, with trades, equity and prices."""

from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from reports.inputs.run_data import RunData
from resources.price_store.history_loader import load_histories
from resources.price_store.spans import HistorySpec
from resources.run_artifacts.backtest_files import DamagedBacktestsError
from strategies.base import Floats


@dataclass(frozen=True, eq=False)
class PairInputs:
    """One strategy on one symbol.

    Parameters
    ----------
    row
        Its result: every metric, by the columns of `RunData.backtests`.
    trades
        With `resources.result_store.frame_schemas.TRADES_SCHEMA`, in their order.
    days, equity
        ``datetime64[D]`` and money at each close, shape (T,); empty where the files of the run that
        computed it are gone.
    """

    row: Mapping[str, Any]
    trades: pl.DataFrame
    days: NDArray[np.datetime64]
    equity: Floats


@dataclass(frozen=True, eq=False)
class SymbolInputs:
    """All strategies on one symbol.

    Parameters
    ----------
    pairs
        In the order of the leaderboard.
    days, close
        ``datetime64[D]`` and adjusted closes in the window, as they are stored now; empty without.
    revised
        Whether they are others than those of the results.
    """

    symbol: str
    pairs: list[PairInputs]
    days: NDArray[np.datetime64]
    close: Floats
    revised: bool


def load_symbols(data: RunData) -> Iterator[SymbolInputs]:
    """Yield the symbols, those of the same files one after the other; few are held at a time."""
    order = {name: place for place, name in enumerate(data.strategies)}
    trades = data.trades.partition_by("backtest_id", as_dict=True, maintain_order=True)
    rows = data.backtests.with_columns(
        pl.struct("run_id", "part").min().over("symbol").alias("first"),
        pl.col("strategy").replace_strict(order, default=len(order)).alias("order"),
    ).sort("first", "symbol", "order")
    for _, of_part in rows.group_by("first", maintain_order=True):
        curves = _load_curves(data, of_part)
        closes = _load_closes(data, of_part)
        for (symbol,), some in of_part.group_by("symbol", maintain_order=True):
            pairs = [
                PairInputs(
                    row,
                    trades.get((row["id"],), data.trades.clear()),
                    *curves.get(row["id"], (_NO_DAYS, _NO_VALUES)),
                )
                for row in some.drop("first", "order").to_dicts()
            ]
            days, close, version = closes.get(str(symbol), (_NO_DAYS, _NO_VALUES, ""))
            revised = any(one.row["data_version"] != version for one in pairs)
            yield SymbolInputs(str(symbol), pairs, days, close, revised)


_NO_DAYS: NDArray[np.datetime64] = np.empty(0, dtype="datetime64[D]")
_NO_VALUES: Floats = np.empty(0)


def _load_curves(
    data: RunData, rows: pl.DataFrame
) -> dict[str, tuple[NDArray[np.datetime64], Floats]]:
    """Return days and equity by backtest; files that are gone or damaged have none."""
    found: dict[str, tuple[NDArray[np.datetime64], Floats]] = {}
    for place in rows.select("run_id", "part").unique().sort("run_id", "part").rows():
        with suppress(FileNotFoundError, DamagedBacktestsError):
            (curves,) = data.stores.files.equity_parts([place])
            wanted = curves.join(rows, left_on="backtest_id", right_on="id", how="semi")
            parts = wanted.partition_by("backtest_id", as_dict=True, maintain_order=True)
            for (identifier,), one in parts.items():
                days = one["date"].to_numpy().astype("datetime64[D]")
                found[identifier] = days, one["equity"].to_numpy()
    return found


def _load_closes(
    data: RunData, rows: pl.DataFrame
) -> dict[str, tuple[NDArray[np.datetime64], Floats, str]]:
    """Return days, adjusted closes and data version by symbol; without stored prices none."""
    warm_up = timedelta(days=int(data.scope.settings.get("warmup_days", 0)))
    start = data.scope.start_date - warm_up
    symbols = rows["symbol"].unique(maintain_order=True).to_list()
    specs = [HistorySpec(one, start, data.scope.end_date) for one in symbols]
    found = {}
    for symbol, loaded in load_histories(data.stores.prices, data.scope.source, specs):
        if not isinstance(loaded, Exception):
            dates, close = loaded.history.dates, loaded.history.bars.close
            first = int(dates.searchsorted(np.datetime64(data.scope.start_date)))
            found[symbol] = dates[first:], close[first:], loaded.data_version
    return found
