"""Valid results, trades and failures for tests, with given changes."""

from collections.abc import Sequence
from datetime import date
from typing import Any

import polars as pl
import sqlalchemy as sa

from engine.failure import Failure
from engine.metrics import METRICS
from research.natural_key import NATURAL_KEY, backtest_id, json_text
from research.purpose import Purpose
from resources.result_store.frame_schemas import RESULTS_SCHEMA, TRADES_SCHEMA
from resources.result_store.manager import BacktestPersistenceManager

START, END = date(2021, 1, 1), date(2023, 12, 31)


def result(**changes: Any) -> dict[str, Any]:
    """Return a result as `save_backtest_result` takes it."""
    metrics = {name: 7 if metric.kind == "count" else 0.25 for name, metric in METRICS.items()}
    described = {
        "symbol": "AAPL",
        "strategy": "sma_cross",
        "parameters": {"fast_period": 10, "slow_period": 20},
        "start_date": START,
        "end_date": END,
        "settings": {"fees": 0.001, "initial_capital": 10000.0},
        "source": "synthetic",
        "data_version": "data-1",
        "code_version": "code-1",
        "universe_version": "universe-1",
        "first_session": date(2021, 1, 4),
        "last_session": date(2023, 12, 29),
        "data_points": 753,
        "ended_early": False,
        "price_basis": "adjusted",
        "execution": "next_open",
        "bars_per_year": 252.0,
        "gauntlet_version": "0.1.0",
        "row_version": "row-1",
        "run_id": "run-1",
        "part": 0,
        "undefined": {},
        "seeds": {},
    }
    return {**described, **metrics, **changes}


def identifier(row: dict[str, Any]) -> str:
    """Return the identifier of a result."""
    return str(backtest_id(**{name: row[name] for name in NATURAL_KEY}))


def results_frame(rows: Sequence[dict[str, Any]]) -> pl.DataFrame:
    """Return results as `save_backtests` takes them."""
    texts = [
        {name: json_text(row[name]) for name in ("parameters", "settings", "undefined", "seeds")}
        for row in rows
    ]
    complete = [
        {**row, **text, "id": identifier(row)} for row, text in zip(rows, texts, strict=True)
    ]
    return pl.DataFrame(complete, schema=RESULTS_SCHEMA)


def trade(number: int = 1, **changes: Any) -> dict[str, Any]:
    """Return a closed trade without its backtest."""
    closed = {
        "trade_no": number,
        "direction": "long",
        "status": "closed",
        "entry_date": date(2021, 3, 1),
        "entry_price": 100.0,
        "exit_date": date(2021, 4, 1),
        "exit_price": 110.0,
        "size": 99.5,
        "entry_fees": 9.95,
        "exit_fees": 10.945,
        "pnl": 974.105,
        "trade_return": 0.0979,
        "exit_reason": "signal",
    }
    return {**closed, **changes}


def trades_frame(*trades: tuple[str, dict[str, Any]]) -> pl.DataFrame:
    """Return pairs of a backtest's identifier and a trade as a frame."""
    rows = [{"backtest_id": backtest, **row} for backtest, row in trades]
    return pl.DataFrame(rows, schema=TRADES_SCHEMA)


def save(
    manager: BacktestPersistenceManager,
    *rows: dict[str, Any],
    run_id: str = "run-1",
    purpose: Purpose = Purpose.PIPELINE,
    cached: Sequence[str] = (),
) -> None:
    """Save results without trades as those of a run, by default of the pipeline."""
    frame, nothing = results_frame(rows), TRADES_SCHEMA.to_frame()
    manager.save_backtests(frame, nothing, run_id=run_id, purpose=purpose, cached=cached)


def failure(**changes: Any) -> Failure:
    """Return the failure of AAPL."""
    values = {"symbol": "AAPL", "error_class": "BadBarsError", "message": "high below low"}
    return Failure(**{**values, **changes})


ATTEMPTED: dict[str, Any] = {"source": "synthetic", "start_date": START, "end_date": END}


def record_failures(
    manager: BacktestPersistenceManager, run_id: str, *failures: Failure, **attempted: Any
) -> int:
    """Record failures of a run's prices."""
    return manager.record_failures(
        run_id, failures, **{"stage": "prices", **ATTEMPTED, **attempted}
    )


def count(manager: BacktestPersistenceManager, table: Any) -> int | None:
    """Return how many rows a table has."""
    with manager.engine.connect() as connection:
        return connection.execute(sa.select(sa.func.count()).select_from(table)).scalar()


def record_run(manager: BacktestPersistenceManager, **changes: Any) -> None:
    """Record a run with default values and these changes."""
    run = {"run_id": "run-1", "purpose": Purpose.PIPELINE, **ATTEMPTED}
    manager.record_run(**{**run, **changes})
