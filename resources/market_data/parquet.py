"""Bars as the bytes of a Parquet file that carries, and is checked against, its data version."""

import io
from datetime import date

import polars as pl

from resources.market_data.bars import SCHEMA, data_version
from resources.market_data.base import MarketDataError
from resources.market_data.merge import Span, span_of

VERSION_KEY = "gauntlet.data_version"
COVERS_KEY = "gauntlet.covers"

# polars panics at some damaged pages, with an exception that no `except Exception` stops.
UNREADABLE = (pl.exceptions.PolarsError, pl.exceptions.PanicException)


class CorruptBarsError(MarketDataError):
    """A file of stored bars is not what was written."""


def encode(bars: pl.DataFrame, version: str, covers: Span | None = None) -> bytes:
    """Return the Parquet file of valid `bars`, `version` and `covers` in its key-value metadata.

    `covers` are the days that the source was asked about, by default those of the bars: a symbol
    may have none at either end of them.
    """
    buffer = io.BytesIO()
    first, last = covers or span_of(bars)
    metadata = {VERSION_KEY: version, COVERS_KEY: f"{first} {last}"}
    bars.write_parquet(buffer, metadata=metadata)
    return buffer.getvalue()


def coverage(path: str, data: bytes) -> Span:
    """Return the days that `data`, the readable file at `path`, covers; see `encode`.

    A file that does not say so raises CorruptBarsError.
    """
    text = pl.read_parquet_metadata(io.BytesIO(data)).get(COVERS_KEY)
    if text is None:
        raise CorruptBarsError(_advice(path, "it does not say which days it covers"))
    first, last = (date.fromisoformat(day) for day in text.split())
    return first, last


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
