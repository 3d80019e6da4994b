"""Backtest results as tables: the rows that are stored, and the curves beside them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import numpy as np
import polars as pl

from engine.results import BacktestResult
from resources.result_store.frames import RESULTS_SCHEMA, TRADES_SCHEMA
from resources.result_store.identity import backtest_id, json_text
from resources.run_settings import PRICE_BASIS, stored_settings

EQUITY_SCHEMA = pl.Schema(
    {"strategy": pl.String(), "symbol": pl.String(), "date": pl.Date(), "equity": pl.Float64()}
)


@dataclass(frozen=True)
class Provenance:
    """Where the results of a run come from; what it takes to make them again.

    Parameters
    ----------
    run_id, run_user
        Dagster's run, and who asked for it.
    source
        Name of the market data source.
    warmup_days
        Calendar days of history before the window.
    data_versions
        Content hash of the bars each symbol's backtest saw, by symbol.
    """

    run_id: str
    run_user: str | None
    source: str
    warmup_days: int
    data_versions: Mapping[str, str]


@dataclass(frozen=True)
class BacktestTables:
    """Results (one row a backtest), their trades, and their equity curves (one row a bar)."""

    results: pl.DataFrame
    trades: pl.DataFrame
    equity: pl.DataFrame

    @classmethod
    def joined(cls, tables: Sequence["BacktestTables"]) -> "BacktestTables":
        """Return the tables below one another; empty ones if there are none."""
        return cls(
            pl.concat([RESULTS_SCHEMA.to_frame(), *(table.results for table in tables)]),
            pl.concat([TRADES_SCHEMA.to_frame(), *(table.trades for table in tables)]),
            pl.concat([EQUITY_SCHEMA.to_frame(), *(table.equity for table in tables)]),
        )


def tables_of(
    results: Sequence[BacktestResult], code_version: str, provenance: Provenance
) -> BacktestTables:
    """Return the tables of one strategy's results."""
    rows = [_row(result, code_version, provenance) for result in results]
    ids = [row["id"] for row in rows]
    return BacktestTables(
        pl.DataFrame(rows, schema=RESULTS_SCHEMA),
        _trades(results, ids),
        _equity(results),
    )


def _row(result: BacktestResult, code_version: str, provenance: Provenance) -> dict[str, Any]:
    parameters = result.strategy.parameters()
    settings = stored_settings(result.settings, provenance.warmup_days)
    key = {
        "symbol": result.symbol,
        "strategy": result.strategy.name,
        "start_date": result.window.start,
        "end_date": result.window.end,
        "data_version": provenance.data_versions[result.symbol],
        "code_version": code_version,
    }
    return {
        "id": str(backtest_id(**key, parameters=parameters, settings=settings)),
        **key,
        "parameters": json_text(parameters),
        "settings": json_text(settings),
        "source": provenance.source,
        "first_session": result.first_session,
        "last_session": result.last_session,
        "data_points": len(result.dates),
        "ended_early": result.ended_early,
        "price_basis": PRICE_BASIS,
        "execution": result.settings.execution,
        "year_length": result.settings.year_length,
        "vectorbt_version": version("vectorbt"),
        "gauntlet_version": gauntlet_version(),
        "run_id": provenance.run_id,
        "run_user": provenance.run_user,
        "undefined": json_text(result.undefined),
        **result.metrics,
    }


def gauntlet_version() -> str:
    """Return the version of this project; ``unknown`` when it runs without being installed."""
    try:
        return version("backtest-gauntlet")
    except PackageNotFoundError:
        return "unknown"


def _trades(results: Sequence[BacktestResult], ids: Sequence[str]) -> pl.DataFrame:
    counts = [len(result.trades) for result in results]
    if not sum(counts):
        return TRADES_SCHEMA.to_frame()
    trades = np.concatenate([result.trades for result in results])
    columns = {
        "backtest_id": np.repeat(ids, counts),
        "trade_no": np.concatenate([np.arange(1, count + 1) for count in counts]),
        "status": np.where(trades["status"] == 0, "open", "closed"),
        "entry_date": np.concatenate([r.dates[r.trades["entry_idx"]] for r in results]),
        "entry_price": trades["entry_price"],
        "exit_date": np.concatenate([r.dates[r.trades["exit_idx"]] for r in results]),
        "exit_price": trades["exit_price"],
        "size": trades["size"],
        "entry_fees": trades["entry_fees"],
        "exit_fees": trades["exit_fees"],
        "pnl": trades["pnl"],
        "trade_return": trades["return"],
    }
    return pl.DataFrame(columns).select(
        pl.col(name).cast(dtype) for name, dtype in TRADES_SCHEMA.items()
    )


def _equity(results: Sequence[BacktestResult]) -> pl.DataFrame:
    curves = [
        pl.DataFrame({"date": result.dates, "equity": result.equity}).select(
            pl.lit(result.strategy.name).alias("strategy"),
            pl.lit(result.symbol).alias("symbol"),
            pl.col("date").cast(pl.Date),
            "equity",
        )
        for result in results
    ]
    return pl.concat([EQUITY_SCHEMA.to_frame(), *curves])
