"""What the pages of symbols show: each strategy on each symbol, with trades, equity and prices."""

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from functools import cache, cached_property
from itertools import groupby
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from reports.inputs.run_data import OF_A_RUN, RunData
from resources.market_data.bars import data_version
from resources.run_artifacts.stored_backtests import DamagedBacktestsError
from strategies.base import Floats
from strategies.errors import GauntletError

Days = NDArray[np.datetime64]
_NO_DAYS: Days = np.empty(0, dtype="datetime64[D]")
_NO_VALUES: Floats = np.empty(0)


@dataclass(frozen=True, eq=False)
class PairInputs:
    """One strategy on one symbol.

    Parameters
    ----------
    row
        Its result: every metric, by the columns of `RunData.backtests`.
    trades
        By the columns of `resources.result_store.frame_schemas.TRADES_SCHEMA`, in their order;
        shape (N,) each, NaN and NaT where there is no value.
    days, equity
        ``datetime64[D]`` and money at each close, shape (T,); empty where the files of the run that
        computed it are gone or damaged.
    """

    row: Mapping[str, Any]
    trades: Mapping[str, NDArray[Any]]
    days: Days
    equity: Floats

    @property
    def drawdown(self) -> Floats:
        """How far the equity is below its highest so far, the capital included, from -1 to 0."""
        capital = _read_capital(self.row["settings"])
        return self.equity / np.maximum(np.maximum.accumulate(self.equity), capital) - 1.0


@dataclass(frozen=True, eq=False)
class StoredCloses:
    """Adjusted closes in the window, as they are stored now.

    Parameters
    ----------
    days, close
        ``datetime64[D]`` and prices, shape (T,); empty without any.
    version
        Of the bars from the first day of the warm-up on; "" without any.
    """

    days: Days
    close: Floats
    version: str


_NO_CLOSES = StoredCloses(_NO_DAYS, _NO_VALUES, "")


@dataclass(frozen=True, eq=False)
class SymbolInputs:
    """All strategies on one symbol; trades and curves are read when they are first asked for.

    Parameters
    ----------
    rows
        Its results in the order of the leaderboard, by the columns of `RunData.backtests`.
    shown
        What identifies all that is shown of each result: its numbers, trades and curves.
    prices
        Stored closes.
    """

    symbol: str
    rows: Sequence[Mapping[str, Any]]
    shown: Sequence[str]
    prices: StoredCloses
    part: "PartInputs"

    @property
    def days(self) -> Days:
        """Of the stored closes."""
        return self.prices.days

    @property
    def close(self) -> Floats:
        """The stored closes."""
        return self.prices.close

    @property
    def revised(self) -> bool:
        """Whether the stored prices are others than those of the results."""
        return any(one["data_version"] != self.prices.version for one in self.rows)

    @cached_property
    def pairs(self) -> list[PairInputs]:
        """The results with their trades and curves, in the same order."""
        curves, trades = self.part.curves, _split_trades(self.part.data, self.rows)
        return [
            PairInputs(row, some, *curves.get(row["id"], (_NO_DAYS, _NO_VALUES)))
            for row, some in zip(self.rows, trades, strict=True)
        ]

    @property
    def complete(self) -> bool:
        """Whether all curves are there that the runs which computed them have said there are."""
        return all(
            len(one.equity) or not self.part.find_digest(one.row["run_id"], one.row["part"])
            for one in self.pairs
        )


@dataclass(frozen=True, eq=False)
class PartInputs:
    """The results of the same files.

    Parameters
    ----------
    rows
        Those of `RunData.backtests`.
    """

    data: RunData
    rows: pl.DataFrame

    @cached_property
    def curves(self) -> Mapping[str, tuple[Days, Floats]]:
        """Days and equity by backtest; those whose files are gone or damaged are missing."""
        found: dict[str, tuple[Days, Floats]] = {}
        for place in self.rows.select("run_id", "part").unique().sort("run_id", "part").rows():
            with suppress(FileNotFoundError, DamagedBacktestsError):
                (curves,) = self.data.stores.files.equity_parts([place])
                found |= _split_curves(curves, self.rows)
        return found

    @cached_property
    def find_digest(self) -> Any:
        """Return a function from run and part to what identifies its curves; "" for none."""
        return cache(self.data.stores.files.find_equity_digest)


def load_symbols(data: RunData) -> Iterator[SymbolInputs]:
    """Yield the symbols, those of the same files one after the other; few are held at a time."""
    order = {name: place for place, name in enumerate(data.strategies)}
    rows = data.backtests.with_columns(
        pl.struct("run_id", "part").min().over("symbol").alias("first"),
        pl.col("strategy").replace_strict(order, default=len(order)).alias("order"),
    ).sort("first", "symbol", "order")
    for _, of_part in rows.group_by("first", maintain_order=True):
        part, closes = PartInputs(data, of_part), _load_closes(data, of_part)
        texts = of_part.drop(*OF_A_RUN, "first", "order").write_ndjson().splitlines()
        numbered = zip(of_part.to_dicts(), texts, strict=True)
        for symbol, some in groupby(numbered, key=lambda one: one[0]["symbol"]):
            found, shown = zip(*some, strict=True)
            curves = [part.find_digest(one["run_id"], one["part"]) for one in found]
            yield SymbolInputs(
                symbol,
                found,
                [f"{text} {curve}" for text, curve in zip(shown, curves, strict=True)],
                closes.get(symbol, _NO_CLOSES),
                part,
            )


def _split_trades(
    data: RunData, rows: Sequence[Mapping[str, Any]]
) -> list[Mapping[str, NDArray[Any]]]:
    """Return the trades of each result, from columns of all of them."""
    some = [data.trades_of(row["id"]) for row in rows]
    columns = {one.name: one.to_numpy() for one in pl.concat(some)}
    stops = np.cumsum([one.height for one in some]).tolist()
    return [
        {name: values[first:stop] for name, values in columns.items()}
        for first, stop in zip([0, *stops], stops, strict=False)
    ]


def _split_curves(curves: pl.DataFrame, rows: pl.DataFrame) -> dict[str, tuple[Days, Floats]]:
    """Return the curves of some results by backtest."""
    wanted = curves.filter(pl.col("backtest_id").is_in(rows["id"].implode()))
    identifiers = wanted["backtest_id"].rle().struct.unnest()
    days = wanted["date"].to_numpy().astype("datetime64[D]")
    equity, first, found = wanted["equity"].to_numpy(), 0, {}
    for length, identifier in identifiers.iter_rows():
        stop = first + length
        found[identifier] = days[first:stop], equity[first:stop]
        first = stop
    return found


def _load_closes(data: RunData, rows: pl.DataFrame) -> dict[str, StoredCloses]:
    """Return the closes by symbol; without stored prices none."""
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
            close = (traded["close"] * traded["adjustment"]).to_numpy()
            found[symbol] = StoredCloses(days, close, version)
    return found


@cache
def _read_capital(settings: str) -> float:
    return float(json.loads(settings)["initial_capital"])
