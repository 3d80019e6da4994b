"""Bars as the bytes of a Parquet file that carries, and is checked against, its data version."""

import io

import polars as pl

from resources.market_data.bars import SCHEMA, data_version
from resources.market_data.base import MarketDataError

VERSION_KEY = "gauntlet.data_version"

# polars panics at some damaged pages, with an exception that no `except Exception` stops.
UNREADABLE = (pl.exceptions.PolarsError, pl.exceptions.PanicException)


class CorruptBarsError(MarketDataError):
    """A file of stored bars is not what was written."""


def encode(bars: pl.DataFrame, version: str) -> bytes:
    """Return the Parquet file of valid `bars`, with `version` among its key-value metadata."""
    buffer = io.BytesIO()
    bars.write_parquet(buffer, metadata={VERSION_KEY: version})
    return buffer.getvalue()


def decode(path: str, data: bytes) -> pl.DataFrame:
    """Return the bars that `data`, the file at `path`, holds.

    The version is computed anew (0.1 ms for four years) and compared with the file's own: any
    difference, like an unreadable file, raises CorruptBarsError.
    """
    try:
        bars = pl.read_parquet(io.BytesIO(data))
        claimed = pl.read_parquet_metadata(io.BytesIO(data)).get(VERSION_KEY)
    except UNREADABLE as error:
        raise CorruptBarsError(_advice(path, str(error).partition("\n")[0])) from error
    if bars.schema != pl.Schema(SCHEMA):
        raise CorruptBarsError(_advice(path, "its columns are not those of bars"))
    if claimed != data_version(bars):
        raise CorruptBarsError(_advice(path, "its bars are not those of its data version"))
    return bars


def _advice(path: str, reason: str) -> str:
    return f"{path} is corrupt ({reason}): materialize its symbol's prices again."
