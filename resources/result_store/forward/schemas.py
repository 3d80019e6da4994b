"""The columns of frames of the forward record and of the positions of tomorrow."""

import polars as pl

_TIME = pl.Datetime("us", "UTC")

RECORDS_SCHEMA = pl.Schema(
    {
        "record_id": pl.String(),
        "strategy": pl.String(),
        "current": pl.Boolean(),
        "session": pl.Date(),
        "last_session": pl.Date(),
        "days": pl.Int64(),
        "live_days": pl.Int64(),
        "total_return": pl.Float64(),
        "expected_return": pl.Float64(),
        "cone_low": pl.Float64(),
        "cone_high": pl.Float64(),
        "inside_cone": pl.Boolean(),
        "residual_return": pl.Float64(),
        "decay": pl.Float64(),
        "alarms": pl.Int64(),
        "last_alarm": pl.Date(),
        "exposure": pl.Float64(),
        "joining_cost": pl.Float64(),
        "beta": pl.Float64(),
        "expected_bars": pl.Int64(),
        "revised_symbols": pl.Int64(),
        "symbols": pl.Int64(),
        "source": pl.String(),
        "start_date": pl.Date(),
        "parameters": pl.String(),
        "settings": pl.String(),
        "code_version": pl.String(),
        "run_id": pl.String(),
        "recorded_at": _TIME,
    }
)
"""Columns of a frame of records, one row each; identifiers and JSON are text."""

FORWARD_SCHEMA = pl.Schema(
    {
        "strategy": pl.String(),
        "session": pl.Date(),
        "universe_return": pl.Float64(),
        "market_return": pl.Float64(),
        "exposure": pl.Float64(),
        "total_return": pl.Float64(),
        "cone_low": pl.Float64(),
        "cone_high": pl.Float64(),
        "inside_cone": pl.Boolean(),
        "residual_return": pl.Float64(),
        "decay": pl.Float64(),
        "alarm": pl.Boolean(),
        "revised": pl.List(pl.String()),
        "late": pl.List(pl.String()),
        "absent": pl.List(pl.String()),
        "run_id": pl.String(),
        "recorded_at": _TIME,
        "record_id": pl.String(),
    }
)
"""Columns of a frame of forward days."""

ACCOUNTS_SCHEMA = pl.Schema(
    {
        "strategy": pl.String(),
        "symbol": pl.String(),
        "session": pl.Date(),
        "account_return": pl.Float64(),
        "side": pl.Int64(),
        "record_id": pl.String(),
    }
)
"""Columns of a frame of forward days by symbol."""

POSITIONS_SCHEMA = pl.Schema(
    {
        "strategy": pl.String(),
        "symbol": pl.String(),
        "action": pl.String(),
        "held": pl.Int64(),
        "next_side": pl.Int64(),
        "fills_at": pl.String(),
        "waits": pl.Boolean(),
        "bar": pl.Date(),
        "stale": pl.Boolean(),
        "shares": pl.Float64(),
        "entry_date": pl.Date(),
        "entry_price": pl.Float64(),
        "stop_price": pl.Float64(),
        "target_price": pl.Float64(),
        "source": pl.String(),
        "run_id": pl.String(),
    }
)
"""Columns of a frame of positions of tomorrow."""
