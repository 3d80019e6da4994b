"""What the pages of symbols show: each strategy on each symbol, with trades, equity and prices."""

import json
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from itertools import groupby
from operator import itemgetter
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from reports.inputs.run_data import RunData
from resources.market_data.bars import data_version
from resources.run_artifacts.backtest_files import DamagedBacktestsError
from strategies.base import Floats
from strategies.errors import GauntletError


@dataclass(frozen=True, eq=False)
class PairInputs:
    """One strategy on one symbol.

    Parameters
    ----------
    row
        Its result: every metric, by the columns of `RunData.backtests`.
    trades
        By the columns of `resources.result_store.frame_schemas.TRADES_SCHEMA`, in their order.
    days, equity
        ``datetime64[D]`` and money at each close, shape (T,); empty where the files of the run that
        computed it are gone.
    """

    row: Mapping[str, Any]
    trades: Sequence[Mapping[str, Any]]
    days: NDArray[np.datetime64]
    equity: Floats

    @property
    def drawdown(self) -> Floats:
        """How far the equity is below its highest so far, the capital included, from -1 to 0."""
        capital = float(json.loads(self.row["settings"])["initial_capital"])
        return self.equity / np.maximum(np.maximum.accumulate(self.equity), capital) - 1.0


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
    rows = data.backtests.with_columns(
        pl.struct("run_id", "part").min().over("symbol").alias("first"),
        pl.col("strategy").replace_strict(order, default=len(order)).alias("order"),
    ).sort("first", "symbol", "order")
    for _, of_part in rows.group_by("first", maintain_order=True):
        trades = _group_trades(data.trades, of_part)
        curves = _load_curves(data, of_part)
        closes = _load_closes(data, of_part)
        for symbol, some in groupby(of_part.to_dicts(), key=itemgetter("symbol")):
            pairs = [
                PairInputs(row, trades[row["id"]], *curves.get(row["id"], (_NO_DAYS, _NO_VALUES)))
                for row in some
            ]
            days, close, version = closes.get(symbol, (_NO_DAYS, _NO_VALUES, ""))
            revised = any(one.row["data_version"] != version for one in pairs)
            yield SymbolInputs(symbol, pairs, days, close, revised)


_NO_DAYS: NDArray[np.datetime64] = np.empty(0, dtype="datetime64[D]")
_NO_VALUES: Floats = np.empty(0)


def _group_trades(
    trades: pl.DataFrame, rows: pl.DataFrame
) -> Mapping[str, Sequence[Mapping[str, Any]]]:
    """Return the trades of some results by backtest."""
    found: dict[str, list[Mapping[str, Any]]] = defaultdict(list)
    wanted = trades.filter(pl.col("backtest_id").is_in(rows["id"].implode()))
    for one in wanted.iter_rows(named=True):
        found[one["backtest_id"]].append(one)
    return found


def _load_curves(
    data: RunData, rows: pl.DataFrame
) -> dict[str, tuple[NDArray[np.datetime64], Floats]]:
    """Return days and equity by backtest; files that are gone or damaged have none."""
    found: dict[str, tuple[NDArray[np.datetime64], Floats]] = {}
    for place in rows.select("run_id", "part").unique().sort("run_id", "part").rows():
        with suppress(FileNotFoundError, DamagedBacktestsError):
            (curves,) = data.stores.files.equity_parts([place])
            wanted = curves.filter(pl.col("backtest_id").is_in(rows["id"].implode()))
            identifiers = wanted["backtest_id"].rle().struct.unnest()
            days = wanted["date"].to_numpy().astype("datetime64[D]")
            equity, first = wanted["equity"].to_numpy(), 0
            for length, identifier in identifiers.iter_rows():
                stop = first + length
                found[identifier] = days[first:stop], equity[first:stop]
                first = stop
    return found


def _load_closes(
    data: RunData, rows: pl.DataFrame
) -> dict[str, tuple[NDArray[np.datetime64], Floats, str]]:
    """Return days, adjusted closes and data version by symbol; without stored prices none."""
    warm_up = timedelta(days=int(data.scope.settings.get("warmup_days", 0)))
    start = data.scope.start_date - warm_up
    symbols = rows["symbol"].unique(maintain_order=True).to_list()
    found = {}
    stored = data.stores.prices.read_many(data.scope.source, symbols)
    for symbol, one in zip(symbols, stored, strict=True):
        with suppress(GauntletError):
            if isinstance(one, Exception):
                raise one
            bars = one.verified().select(start, data.scope.end_date)
            version = one.label.data_version if bars is one.bars else data_version(bars)
            traded = bars.filter(pl.col("date") >= data.scope.start_date)
            days = traded["date"].to_numpy().astype("datetime64[D]")
            found[symbol] = days, (traded["close"] * traded["adjustment"]).to_numpy(), version
    return found
