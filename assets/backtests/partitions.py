"""What the UI shows of each partition of `backtests/<strategy>`."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import dagster as dg

from assets.asset_keys import backtests_key
from assets.partitions.partition_reporting import MaterializedPartition

if TYPE_CHECKING:
    import polars as pl

_HEADLINES = ("total_return", "sharpe_ratio", "max_drawdown", "closed_trades")
_READ = ["strategy", "symbol", "id", "first_session", "last_session", *_HEADLINES]


def describe_partitions(
    rows: "pl.DataFrame",
) -> Iterator[tuple[dg.AssetKey, str, MaterializedPartition]]:
    """Yield asset, partition and what was made for each row of results.

    Every entry is stored for each symbol, strategy and run: all else is in the result store. The
    data version of a partition is the identifier of its backtest, which is derived from all
    that the result depends on.
    """
    for row in rows[_READ].iter_rows(named=True):
        window = f"{row['first_session']} to {row['last_session']}"
        metadata = {name: row[name] for name in _HEADLINES} | {"window": window}
        made = MaterializedPartition(row["id"], metadata)
        yield backtests_key(row["strategy"]), row["symbol"], made
