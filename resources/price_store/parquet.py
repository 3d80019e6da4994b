"""Stored files as Parquet, their label in its metadata.

A file is sealed: one that was changed by a single bit is refused before it is decoded, and counts
as corrupt, as one with an incomplete label does. Its bars can be fetched again, and the file is
kept in quarantine. One of an earlier version, without a seal, is read, for its bars have a data
version; the next write seals it.
"""

import io
import itertools
from collections.abc import Sequence
from datetime import date, datetime

import polars as pl

from resources.files.unreadable import UNREADABLE
from resources.market_data.bars import SCHEMA, SCHEMA_WITH_SPREAD
from resources.price_store.errors import CorruptBarsError
from resources.price_store.seal import EMPTY_SEAL, SEAL, is_intact, is_sealed, seal
from resources.price_store.stored_file import Label, StoredFile

_SCHEMAS = (pl.Schema(SCHEMA), pl.Schema(SCHEMA_WITH_SPREAD))
_PREFIX = "gauntlet."
_CHANGED = "its bytes are not those that were written"


def encode(bars: pl.DataFrame, label: Label, **more: str) -> bytes:
    """Return the Parquet file of valid `bars`, their label (and `more`) in its metadata."""
    first, last = label.covers
    fields = {
        "source": label.source,
        "symbol": label.symbol,
        "covers": f"{first} {last}",
        "fetched_at": label.fetched_at.isoformat(),
        "data_version": label.data_version,
        "rows": str(label.rows),
        **({"splits": label.splits} if label.splits else {}),
        **more,
    }
    buffer = io.BytesIO()
    metadata = {f"{_PREFIX}{name}": text for name, text in fields.items()}
    bars.write_parquet(buffer, metadata={**metadata, SEAL: EMPTY_SEAL})
    return seal(buffer.getvalue())


def decode(path: str, data: bytes, source: str, symbol: str) -> StoredFile:
    """Return what `data`, the file at `path`, holds of a symbol, verified.

    Raises
    ------
    CorruptBarsError
        For a file that cannot be read, is another symbol's, or is not what was written.
    """
    (found,) = decode_many([(path, data)], source, [symbol])
    if isinstance(found, CorruptBarsError):
        raise found
    return found.verified()


def decode_many(
    files: Sequence[tuple[str, bytes]], source: str, symbols: Sequence[str]
) -> list[StoredFile | CorruptBarsError]:
    """Return what each file holds, not verified yet, or what is wrong with it.

    polars reads them together, in a third of the time of one after the other. If that fails, as of
    files with and without half-spreads, or their labels have other numbers of rows, each is read
    alone.
    """
    labels = [
        _decode_label(path, data, source, symbol)
        for (path, data), symbol in zip(files, symbols, strict=True)
    ]
    good = [place for place, label in enumerate(labels) if isinstance(label, Label)]
    heights = [label.rows for label in labels if isinstance(label, Label)]
    together = _read_bars([files[place] for place in good])
    if isinstance(together, str) or together.height != sum(heights):
        frames = [_read_bars([files[place]]) for place in good]
    else:
        starts = [0, *itertools.accumulate(heights)]
        frames = [together.slice(*part) for part in zip(starts, heights, strict=False)]
    bars = dict(zip(good, frames, strict=True))
    return [
        _combine(path, label, bars.get(place, ""), sealed=is_sealed(data))
        for place, ((path, data), label) in enumerate(zip(files, labels, strict=True))
    ]


def read_metadata(data: bytes) -> dict[str, str]:
    """Return the metadata that `encode` has written, by name.

    Raises what polars raises, and ValueError for a file that is not what was written.
    """
    if is_sealed(data) and not is_intact(data):
        raise ValueError(_CHANGED)
    metadata = pl.read_parquet_metadata(io.BytesIO(data))
    return {
        name.removeprefix(_PREFIX): text
        for name, text in metadata.items()
        if name.startswith(_PREFIX)
    }


def _decode_label(path: str, data: bytes, source: str, symbol: str) -> Label | CorruptBarsError:
    try:
        fields = read_metadata(data)
        first, last = (date.fromisoformat(day) for day in fields["covers"].split())
        label = Label(
            source=fields["source"],
            symbol=fields["symbol"],
            covers=(first, last),
            fetched_at=datetime.fromisoformat(fields["fetched_at"]),
            data_version=fields["data_version"],
            rows=int(fields["rows"]),
            splits=fields.get("splits", ""),
        )
    except UNREADABLE as error:
        return CorruptBarsError.of(path, str(error).partition("\n")[0])
    except KeyError as error:
        return CorruptBarsError.of(path, f"its label has no {error.args[0]}")
    except ValueError as error:
        changed = str(error) == _CHANGED
        return CorruptBarsError.of(path, _CHANGED if changed else f"its label is invalid: {error}")
    if (label.source, label.symbol) != (source, symbol):
        return CorruptBarsError.of(path, f"it holds {label.symbol} of source '{label.source}'")
    return label


def _read_bars(files: Sequence[tuple[str, bytes]]) -> pl.DataFrame | str:
    """Return the rows of some files, one after the other, or why they can't be read."""
    if not files:
        return pl.DataFrame(schema=SCHEMA)
    try:
        bars = pl.read_parquet([io.BytesIO(data) for _, data in files])
    except UNREADABLE as error:
        return str(error).partition("\n")[0]
    return bars if bars.schema in _SCHEMAS else "its columns are not those of bars"


def _combine(
    path: str, label: Label | CorruptBarsError, bars: pl.DataFrame | str, *, sealed: bool
) -> StoredFile | CorruptBarsError:
    if isinstance(label, CorruptBarsError):
        return label
    if isinstance(bars, str):
        return CorruptBarsError.of(path, bars)
    return StoredFile(path, label, bars, sealed)
