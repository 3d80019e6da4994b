"""A price file as a table, read within bounds: its origin is unknown, and it may be hostile.

What is compressed is refused by its first bytes, for a few kilobytes may become a terabyte, and
readers unpack without being asked. Of Parquet, which is compressed inside, the number of rows is
read first, and then no other columns than those that are wanted.
"""

import io
from collections.abc import Callable, Sequence

import polars as pl

from strategies.errors import GauntletError

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


class RefusedContentError(GauntletError):
    """The content of a file is not read, for it is too large or compressed."""


def refuse_size(size: int | None) -> None:
    """Raise RefusedContentError for more bytes than a price file may have; None is not known."""
    if size is not None and size > MOST_BYTES:
        raise RefusedContentError(
            f"it has {size / 2**20:,.0f} MiB; allowed: {MOST_BYTES // 2**20} MiB"
        )


def csv_table(content: bytes) -> pl.DataFrame:
    """Return a CSV file's cells as text. Raises RefusedContentError, and what polars raises."""
    refuse_size(len(content))
    for first, kind in _COMPRESSED.items():
        if content.startswith(first):
            raise RefusedContentError(f"it is compressed ({kind}); allowed: plain text")
    table = pl.read_csv(io.BytesIO(content), infer_schema=False, n_rows=MOST_ROWS + 1)
    _refuse_rows(table.height)
    return table


def parquet_table(content: bytes, wanted: Callable[[Sequence[str]], Sequence[str]]) -> pl.DataFrame:
    """Return the columns of a Parquet file that are `wanted` of those it has.

    Raises RefusedContentError, and what polars raises.
    """
    refuse_size(len(content))
    _refuse_rows(pl.scan_parquet(io.BytesIO(content)).select(pl.len()).collect().item())
    columns = list(pl.read_parquet_schema(io.BytesIO(content)))
    return pl.read_parquet(io.BytesIO(content), columns=list(wanted(columns)))


def _refuse_rows(rows: int) -> None:
    if rows > MOST_ROWS:
        raise RefusedContentError(f"it has more than {MOST_ROWS:,} rows; they are no daily bars")
