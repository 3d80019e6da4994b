"""Backtest results as tables: the rows that are stored, and the curves beside them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import numpy as np
import polars as pl

from engine.positions import EXIT_REASONS
from engine.results import BacktestResult
from research.natural_key import backtest_id, json_text
from resources.config.run_settings import PRICE_BASIS, stored_settings
from resources.result_store.frame_schemas import RESULTS_SCHEMA, TRADES_SCHEMA
from resources.run_artifacts.row_version import row_version

EQUITY_SCHEMA = pl.Schema({"backtest_id": pl.String(), "date": pl.Date(), "equity": pl.Float64()})


@dataclass(frozen=True)
class Provenance:
    """Where the results of a run come from; what it takes to make them again.

    Parameters
    ----------
    run_id
        The run that computes them, "" for none.
    source
        Name of the market data source.
    warmup_days
        Calendar days of history before the window.
    data_versions
        Content hash of the bars each symbol's backtest saw, by symbol.
    code_versions
        Version of the code behind each strategy's results, by strategy.
    universe_version
        Fingerprint of the equal-weight universe that all were compared with, None for none.
    """

    run_id: str
    source: str
    warmup_days: int
    data_versions: Mapping[str, str]
    code_versions: Mapping[str, str]
    universe_version: str | None = None


@dataclass(frozen=True)
class BacktestTables:
    """Results (one row a backtest), their trades, and their equity curves (one row a bar)."""

    results: pl.DataFrame
    trades: pl.DataFrame
    equity: pl.DataFrame


def tables_of(results: Sequence[BacktestResult], provenance: Provenance) -> BacktestTables:
    """Return the tables of some results, of one strategy or several, in their order."""
    if not results:
        return _NOTHING
    rows = [_row(result, provenance) for result in results]
    ids = [row["id"] for row in rows]
    return BacktestTables(
        pl.DataFrame(rows, schema=RESULTS_SCHEMA),
        _trades(results, ids),
        _equity(results, ids),
    )


_NOTHING = BacktestTables(
    RESULTS_SCHEMA.to_frame(), TRADES_SCHEMA.to_frame(), EQUITY_SCHEMA.to_frame()
)


def _row(result: BacktestResult, provenance: Provenance) -> dict[str, Any]:
    parameters = result.strategy.parameters()
    settings = stored_settings(result.settings, provenance.warmup_days)
    key = {
        "symbol": result.symbol,
        "strategy": result.strategy.name,
        "start_date": result.window.start,
        "end_date": result.window.end,
        "source": provenance.source,
        "data_version": provenance.data_versions[result.symbol],
        "code_version": provenance.code_versions[result.strategy.name],
        "universe_version": provenance.universe_version,
    }
    return {
        "id": str(backtest_id(**key, parameters=parameters, settings=settings)),
        **key,
        "parameters": json_text(parameters),
        "settings": json_text(settings),
        "first_session": result.first_session,
        "last_session": result.last_session,
        "data_points": len(result.dates),
        "ended_early": result.ended_early,
        "price_basis": PRICE_BASIS,
        "execution": result.settings.execution,
        "bars_per_year": result.settings.bars_per_year,
        "gauntlet_version": gauntlet_version(),
        "row_version": row_version(),
        "run_id": provenance.run_id,
        "undefined": json_text(result.undefined),
        "seeds": json_text(seeds_of(parameters)),
        **result.metrics,
    }


def seeds_of(parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Return the random seeds among some parameters: ``seed``, and what ends in ``_seed``."""
    return {name: value for name, value in parameters.items() if f"_{name}".endswith("_seed")}


@cache
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
        "direction": np.where(trades["direction"] == 0, "long", "short"),
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
        "exit_reason": np.array(EXIT_REASONS)[trades["exit_reason"]],
    }
    return pl.DataFrame(columns).select(
        pl.col(name).cast(dtype) for name, dtype in TRADES_SCHEMA.items()
    )


def _equity(results: Sequence[BacktestResult], ids: Sequence[str]) -> pl.DataFrame:
    of = np.repeat(np.arange(len(results)), [len(result.dates) for result in results])
    columns = {
        "backtest_id": pl.Series(ids).gather(of),
        "date": np.concatenate([result.dates for result in results]),
        "equity": np.concatenate([result.equity for result in results]),
    }
    return pl.DataFrame(columns).cast(EQUITY_SCHEMA)
