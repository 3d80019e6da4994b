"""Rows to save: generated results with every column, and their trades."""

from datetime import date, timedelta

import numpy as np
import polars as pl

from engine.metrics import METRICS
from research.natural_key import backtest_id, json_text
from resources.result_store.frame_schemas import RESULTS_SCHEMA, TRADES_SCHEMA

_START, _END = date(2021, 1, 1), date(2023, 12, 31)
_PARAMETERS = {"fast_period": 10, "slow_period": 20}
_SETTINGS = {"fees": 0.001, "initial_capital": 10000.0, "slippage": 0.001}


def results(count: int) -> pl.DataFrame:
    """Return `count` results of as many symbols, with `frames.RESULTS_SCHEMA`."""
    random = np.random.default_rng(count)
    measured = {
        name: random.integers(0, 50, count) if metric.kind == "count" else random.normal(size=count)
        for name, metric in METRICS.items()
    }
    rows = [_row(number) for number in range(count)]
    return pl.DataFrame(rows).with_columns(**measured).select(list(RESULTS_SCHEMA))


def _row(number: int) -> dict[str, object]:
    key = {
        "symbol": f"S{number:06}",
        "strategy": "sma_cross",
        "start_date": _START,
        "end_date": _END,
        "source": "synthetic",
        "data_version": f"{number:032x}",
        "code_version": "0" * 16,
        "universe_version": None,
        "bars_per_year": 252.0,
    }
    identifier = backtest_id(**key, parameters=_PARAMETERS, settings=_SETTINGS)  # pyright: ignore[reportArgumentType]
    return {
        "id": str(identifier),
        **key,
        "parameters": json_text(_PARAMETERS),
        "settings": json_text(_SETTINGS),
        "first_session": date(2021, 1, 4),
        "last_session": date(2023, 12, 29),
        "data_points": 753,
        "ended_early": False,
        "price_basis": "adjusted",
        "execution": "next_open",
        "gauntlet_version": "0.1.0",
        "row_version": "0" * 12,
        "run_id": "benchmark",
        "part": 0,
        "undefined": "{}",
        "seeds": "{}",
    }


def trades(identifiers: pl.Series, each: int) -> pl.DataFrame:
    """Return `each` trades of each backtest, with `frames.TRADES_SCHEMA`."""
    count = len(identifiers) * each
    random = np.random.default_rng(count)
    days = pl.Series([_START + timedelta(days=day) for day in range(each)])
    prices = random.uniform(50.0, 250.0, (2, count))
    columns = {
        "backtest_id": identifiers.gather(np.repeat(np.arange(len(identifiers)), each)),
        "trade_no": np.tile(np.arange(1, each + 1), len(identifiers)),
        "direction": pl.repeat("long", count, eager=True),
        "status": pl.repeat("closed", count, eager=True),
        "entry_date": pl.concat([days] * len(identifiers)),
        "entry_price": prices[0],
        "exit_date": pl.concat([days] * len(identifiers)),
        "exit_price": prices[1],
        "size": 10_000.0 / prices[0],
        "entry_fees": pl.repeat(10.0, count, eager=True),
        "exit_fees": pl.repeat(10.0, count, eager=True),
        "pnl": random.normal(0.0, 100.0, count),
        "trade_return": random.normal(0.0, 0.01, count),
        "exit_reason": pl.repeat("signal", count, eager=True),
    }
    return pl.DataFrame(columns).cast(TRADES_SCHEMA).rechunk()  # pyright: ignore[reportArgumentType]
