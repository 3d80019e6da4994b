"""Portfolios as frames, apart from their rows: models of the store need no Polars."""

import polars as pl

from research.portfolio.rows import COUNTS, NUMBERS

PORTFOLIOS_SCHEMA = pl.Schema(
    {
        "name": pl.String(),
        "strategies": pl.String(),
        "sizing": pl.String(),
        "source": pl.String(),
        "start_date": pl.Date(),
        "end_date": pl.Date(),
        "costs": pl.String(),
        "symbols": pl.Int64(),
        "fills": pl.Int64(),
        **dict.fromkeys(NUMBERS, pl.Float64()),
        **dict.fromkeys((*COUNTS, "breaches"), pl.Int64()),
        "definition": pl.String(),
        "parameters": pl.String(),
        "run_id": pl.String(),
        "identity": pl.String(),
        "made_at": pl.Datetime("us", "UTC"),
    }
)
"""Portfolios of a run, by name; `strategies` are names, definitions and parameters JSON."""


def sum_attribution(frame: pl.DataFrame, by: str) -> pl.DataFrame:
    """Return the profit of each sector or side, by its name, the highest first."""
    sums = frame.group_by(by).agg(pl.col("fills", "pnl", "fees", "slippage").sum())
    return sums.sort(["pnl", by], descending=[True, False])
