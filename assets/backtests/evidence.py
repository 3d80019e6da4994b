"""What is shown of one backtest: its equity curve, what it is compared with, and its trades."""

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from engine.costs import describe_costs
from research.leaderboard_caption import describe_source
from resources.price_store.spans import HistorySpec
from resources.price_store.store import PriceStore
from resources.run_artifacts.backtest_files import BacktestFiles
from strategies.base import Floats
from strategies.errors import GauntletError

if TYPE_CHECKING:
    import polars as pl

_SAME = 1e-9
"""Relative difference of what are the same prices, added up in another order."""


@dataclass(frozen=True, eq=False)
class BacktestEvidence:
    """One backtest.

    Parameters
    ----------
    row
        With `resources.result_store.frame_schemas.RESULTS_SCHEMA`.
    days
        Of its bars, in days since 1970, shape (T,).
    growth
        What a capital of 1 became, at each close, shape (T,).
    held
        What buying at the first close and holding made of it; None where the prices that it was
        computed from are not stored any more.
    trades
        With `resources.result_store.frame_schemas.TRADES_SCHEMA`, oldest first.
    """

    row: dict[str, Any]
    days: Floats
    growth: Floats
    held: Floats | None
    trades: "pl.DataFrame"

    def caption(self) -> list[str]:
        """Return what it is of, and what it came to."""
        row, settings = self.row, json.loads(self.row["settings"])
        parameters = sorted(json.loads(row["parameters"]).items())
        told = ", ".join(f"{name} {one}" for name, one in parameters)
        what = f"{row['strategy']} on {row['symbol']}" + (f" ({told})" if told else "")
        days = f"{row['first_session']} to {row['last_session']}"
        total, held, drawdown = (
            _percent(row[name]) for name in ("total_return", "benchmark_return", "max_drawdown")
        )
        ratio = "undefined" if row["sharpe_ratio"] is None else f"{row['sharpe_ratio']:.2f}"
        return [
            what,
            f"{describe_source(row['source'])}, {days}",
            f"{row['data_points']} bars; {describe_costs(settings)}",
            f"return {total}, bought and held {held}; Sharpe ratio {ratio}",
            f"deepest drawdown {drawdown}; {row['closed_trades']} closed trades",
        ]


def load_evidence(
    run_id: str, part: int, identifier: str, files: BacktestFiles, prices: PriceStore
) -> BacktestEvidence | str:
    """Return what there is of a backtest, or in one line why there is nothing to show.

    From files alone: who shows it needs no database.

    Parameters
    ----------
    run_id, part
        Where its curve is: of the run that computed it.
    """
    try:
        tables = files.read_part(run_id, part)
        (curves,) = files.equity_parts([(run_id, part)])
    except FileNotFoundError:
        return f"The files of run {run_id} are not there any more."
    except GauntletError as error:
        return str(error)
    found = tables.results.filter(tables.results["id"] == identifier)
    curve = curves.filter(curves["backtest_id"] == identifier)
    if found.is_empty() or curve.is_empty():
        return f"Run {run_id} computed no backtest {identifier}."
    row = found.row(0, named=True)
    capital = float(json.loads(row["settings"])["initial_capital"])
    days = curve["date"].to_physical().to_numpy().astype(np.float64)
    growth = curve["equity"].to_numpy() / capital
    trades = tables.trades.filter(tables.trades["backtest_id"] == identifier).sort("trade_no")
    return BacktestEvidence(row, days, growth, _load_held(row, days, prices), trades)


def _load_held(row: dict[str, Any], days: Floats, prices: PriceStore) -> Floats | None:
    from resources.price_store.history_loader import load_histories

    spec = HistorySpec(row["symbol"], row["first_session"], row["last_session"])
    ((_, loaded),) = load_histories(prices, row["source"], [spec])
    if isinstance(loaded, Exception):
        return None
    history = loaded.history
    if not np.array_equal(history.dates.astype(np.int64), days):
        return None
    held = history.bars.close / history.bars.close[0]
    # Revised bars are other prices: they are not what the backtest was compared with.
    same = np.isclose(held[-1] - 1.0, row["benchmark_return"], rtol=_SAME, atol=_SAME)
    return held if same else None


def _percent(value: float | None) -> str:
    return "undefined" if value is None else f"{value:+.1%}"
