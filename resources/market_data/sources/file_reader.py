"""A price file as a table, read within bounds: its origin is unknown, and it may be hostile.

What is compressed is refused by its first bytes, for a few kilobytes may become a terabyte, and
readers unpack without being asked. Of Parquet, which is compressed inside, the number of rows is
read first, and then no other columns than those that are wanted.
"""

import io

import polars as pl
import polars.selectors as cs

from resources.market_data.sources.tables.columns import ColumnNames
from resources.market_data.sources.tables.table import RefusedContentError, Table
from resources.market_data.sources.tables.text import read_text

MOST_BYTES = 64 * 2**20
"""A hundred years of daily bars are 3 MB of CSV."""

MOST_ROWS = 1_000_000
"""A hundred years are 25,000 bars."""

_COMPRESSED = {
    b"\x1f\x8b": "gzip",
    b"PK\x03\x04": "zip",
    b"\x28\xb5\x2f\xfd": "zstd",
    b"BZh": "bzip2",
    b"\xfd7zXZ": "xz",
    b"\x78\x01": "zlib",
    b"\x78\x9c": "zlib",
    b"\x78\xda": "zlib",
}


def refuse_size(size: int | None) -> None:
    """Raise RefusedContentError for more bytes than a price file may have; None is not known."""
    if size is not None and size > MOST_BYTES:
        raise RefusedContentError(
            f"it has {size / 2**20:,.0f} MiB; allowed: {MOST_BYTES // 2**20} MiB"
        )


def csv_table(content: bytes, columns: ColumnNames, symbol: str) -> Table:
    """Return a text file's cells as text. Raises RefusedContentError, and what polars raises."""
    refuse_size(len(content))
    for first, kind in _COMPRESSED.items():
        if content.startswith(first):
            raise RefusedContentError(f"it is compressed ({kind}); allowed: plain text")
    table = read_text(content, columns, symbol, MOST_ROWS)
    _refuse_rows(table.cells.height)
    return table


def parquet_table(content: bytes, columns: ColumnNames, symbol: str) -> Table:
    """Return the columns of a Parquet file that may be of use, those of other names unread.

    Raises RefusedContentError, and what polars raises.
    """
    refuse_size(len(content))
    _refuse_rows(pl.scan_parquet(io.BytesIO(content)).select(pl.len()).collect().item())
    names = list(pl.read_parquet_schema(io.BytesIO(content)))
    known = {position for found in columns.find(names, symbol).values() for position in found}
    wanted = [name for i, name in enumerate(names) if i in known or columns.is_index(name)]
    cells = pl.read_parquet(io.BytesIO(content), columns=wanted)
    cells = cells.with_columns(cs.by_dtype(pl.Categorical).cast(pl.String))
    cells.columns = [str(position) for position in range(cells.width)]
    return Table(cells, tuple(wanted))


def _refuse_rows(rows: int) -> None:
    if rows > MOST_ROWS:
        raise RefusedContentError(f"it has more than {MOST_ROWS:,} rows; they are no daily bars")
