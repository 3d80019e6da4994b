"""What the UI shows of each partition of `backtests/<strategy>`.

Its picture, equity and trades, is drawn when somebody looks: by the webserver of the UI, from the
files of the run (`pipelines.webserver.backtest_pictures`). In the events of a run those of 110
symbols and nine strategies would be 12 MB. The window stands where another webserver has no
picture, and is in it.
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import dagster as dg

from assets.asset_keys import backtests_key
from assets.partitions.partition_reporting import MaterializedPartition
from resources.config.ui_address import read_ui_path

if TYPE_CHECKING:
    import polars as pl

PICTURES = "/backtests"
"""Where the webserver of the UI has them."""

_HEADLINES = ("total_return", "sharpe_ratio", "max_drawdown", "closed_trades")
_READ = ["strategy", "symbol", "id", "run_id", "part", "first_session", "last_session", *_HEADLINES]


def describe_partitions(
    rows: "pl.DataFrame",
) -> Iterator[tuple[dg.AssetKey, str, MaterializedPartition]]:
    """Yield asset, partition and what was made for each row of results.

    Every entry is stored for each symbol, strategy and run: all else is in the result store, and in
    the picture. The data version of a partition is the identifier of its backtest, which is derived
    from all that the result depends on.
    """
    pictures = f"{read_ui_path()}{PICTURES}"
    for row in rows[_READ].iter_rows(named=True):
        window = f"{row['first_session']} to {row['last_session']}"
        place = f"{pictures}/{row['run_id']}/{row['part']}/{row['id']}.svg"
        picture = dg.MetadataValue.md(f"![{window}]({place})")
        metadata = {name: row[name] for name in _HEADLINES} | {"equity": picture}
        made = MaterializedPartition(row["id"], metadata)
        yield backtests_key(row["strategy"]), row["symbol"], made
