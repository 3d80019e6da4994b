"""The batches of a run: which results belong to which, and what is said of each result."""

from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import TYPE_CHECKING

import dagster as dg

from assets.asset_keys import backtests_key
from assets.partitions.partition_reporting import MaterializedPartition
from engine.results import BacktestResult

if TYPE_CHECKING:
    import polars as pl

_HEADLINES = ("total_return", "sharpe_ratio", "max_drawdown", "closed_trades")
_SAID = ("strategy", "symbol", "id", "first_session", "last_session", "data_points", *_HEADLINES)


def in_batches(
    results: Iterator[BacktestResult], batches: Sequence[Sequence[str]]
) -> Iterator[list[BacktestResult]]:
    """Yield the results of each of `batches`, which come in their order; [] where there are none.

    No more of `results` is taken than a batch needs, and the first of the next one.
    """
    place = {symbol: number for number, batch in enumerate(batches) for symbol in batch}
    groups = groupby(results, key=lambda result: place[result.symbol])
    number, group = next(groups, (len(batches), iter(())))
    for batch in range(len(batches)):
        if batch < number:
            yield []
            continue
        yield list(group)
        number, group = next(groups, (len(batches), iter(())))


def partitions_of(rows: "pl.DataFrame") -> Iterator[tuple[dg.AssetKey, str, MaterializedPartition]]:
    """Yield asset, partition and what was made for each row of results."""
    for row in rows.select(_SAID).iter_rows(named=True):
        window = f"{row['first_session']} to {row['last_session']}"
        headlines = {name: row[name] for name in _HEADLINES}
        metadata = headlines | {"bars": row["data_points"], "window": window}
        # The identifier is derived from all that the result depends on.
        yield (
            backtests_key(row["strategy"]),
            row["symbol"],
            MaterializedPartition(row["id"], metadata),
        )
