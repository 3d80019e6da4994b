"""A price file as a table, read within bounds: its origin is unknown, and it may be hostile.

What is compressed is refused by its first bytes, for a few kilobytes may become a terabyte, and
readers unpack without being asked. Parquet, which is compressed inside, is unpacked by a process of
its own whose memory is limited, and no other columns than those that are wanted.
"""

from collections.abc import Mapping

from resources.market_data.sources.parquet_process import ParquetProcess
from resources.market_data.sources.tables.columns import ColumnNames
from resources.market_data.sources.tables.table import RefusedContentError, Table
from resources.market_data.sources.tables.text import read_text

MOST_BYTES = 64 * 2**20
"""A hundred years of daily bars are 3 MB of CSV."""

MOST_ROWS = 1_000_000
"""A hundred years are 25,000 bars."""

MOST_CELLS = 16_000_000
"""Of a text file: each takes 16 bytes and more in memory, and one in the file."""

_PROCESS = ParquetProcess()

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


def csv_table(content: bytes, columns: ColumnNames, symbol: str) -> Table:
    """Return a text file's cells as text. Raises RefusedContentError, and what polars raises."""
    for first, kind in _COMPRESSED.items():
        if content.startswith(first):
            raise RefusedContentError(f"it is compressed ({kind}); allowed: plain text")
    cells = sum(map(content.count, b",;\t|\n"))
    if cells > MOST_CELLS:
        raise RefusedContentError(f"it has {cells:,} cells; allowed: {MOST_CELLS:,}")
    table = read_text(content, columns, symbol, MOST_ROWS)
    _refuse_rows(table.cells.height)
    return table


def parquet_table(content: bytes, columns: Mapping[str, str], symbol: str) -> Table:
    """Return the columns of a Parquet file that may be of use, those of other names unread.

    Unpacked in another process, see `ParquetProcess`. Raises RefusedContentError.
    """
    cells, names = _PROCESS.read(content, columns, symbol)
    _refuse_rows(cells.height)
    return Table(cells, names)


def _refuse_rows(rows: int) -> None:
    if rows > MOST_ROWS:
        raise RefusedContentError(f"it has more than {MOST_ROWS:,} rows; they are no daily bars")
