"""Backtest results as tables: the rows that are stored, and the curves beside them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import polars as pl

from engine.code_version import gauntlet_version
from engine.positions import EXIT_REASONS
from engine.results import BacktestResult
from engine.settings import PRICE_BASIS
from research.natural_key import json_text, seeds_of
from research.run_spec import IdentifiedResult, RunSpec
from resources.result_store.frame_schemas import RESULTS_SCHEMA, TRADES_SCHEMA
from resources.run_artifacts.result_digests import digest_results
from resources.run_artifacts.row_version import row_version

EQUITY_SCHEMA = pl.Schema({"backtest_id": pl.String(), "date": pl.Date(), "equity": pl.Float64()})


@dataclass(frozen=True)
class BacktestTables:
    """Results (one row per backtest), their trades, and their equity curves (one row per bar).

    `digests` are those of the results as the engine gave them, by identifier.
    """

    results: pl.DataFrame
    trades: pl.DataFrame
    equity: pl.DataFrame
    digests: Mapping[str, str] = field(default_factory=dict)


def build_tables(results: Sequence[IdentifiedResult], spec: RunSpec, part: int) -> BacktestTables:
    """Return the tables of some results, in their order, as a part of the run's files."""
    if not results:
        return NO_TABLES
    plain = [one.result for one in results]
    ids = [one.identifier for one in results]
    return BacktestTables(
        build_rows(results, spec, part),
        _build_trades(plain, ids),
        _build_equity(plain, ids),
        digest_results(results),
    )


def build_rows(results: Sequence[IdentifiedResult], spec: RunSpec, part: int) -> pl.DataFrame:
    """Return a row per result, with `RESULTS_SCHEMA`."""
    return pl.DataFrame([_build_row(one, spec, part) for one in results], RESULTS_SCHEMA)


NO_TABLES = BacktestTables(
    RESULTS_SCHEMA.to_frame(), TRADES_SCHEMA.to_frame(), EQUITY_SCHEMA.to_frame()
)
"""The tables of no results."""


def _build_row(one: IdentifiedResult, spec: RunSpec, part: int) -> dict[str, Any]:
    result = one.result
    key = spec.natural_key(result.symbol, result.strategy, one.data_version, result.bars_per_year)
    return {
        "id": one.identifier,
        **key,
        "parameters": json_text(key["parameters"]),
        "settings": json_text(key["settings"]),
        "first_session": result.first_session,
        "last_session": result.last_session,
        "data_points": len(result.dates),
        "ended_early": result.ended_early,
        "price_basis": PRICE_BASIS,
        "execution": result.settings.execution,
        "gauntlet_version": gauntlet_version(),
        "row_version": row_version(),
        "run_id": spec.run_id,
        "part": part,
        "undefined": json_text(result.undefined),
        "seeds": json_text(seeds_of(key["parameters"])),
        **result.metrics,
    }


def _build_trades(results: Sequence[BacktestResult], ids: Sequence[str]) -> pl.DataFrame:
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


def _build_equity(results: Sequence[BacktestResult], ids: Sequence[str]) -> pl.DataFrame:
    of = np.repeat(np.arange(len(results)), [len(result.dates) for result in results])
    columns = {
        "backtest_id": pl.Series(ids).gather(of),
        "date": np.concatenate([result.dates for result in results]),
        "equity": np.concatenate([result.equity for result in results]),
    }
    return pl.DataFrame(columns).cast(EQUITY_SCHEMA)
