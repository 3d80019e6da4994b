"""Bars as the bytes of a Parquet file that says what it is, and is checked against its version.

A file that does not say all of it, such as one that was written before files said whose they are,
counts as corrupt: its bars can be fetched again, and the file is kept in quarantine.
"""

import io
import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime

import polars as pl

from resources.files.unreadable import UNREADABLE
from resources.market_data.bars import SCHEMA, data_version
from resources.market_data.source import MarketDataError
from resources.price_store.spans import Span

_SCHEMA = pl.Schema(SCHEMA)
_PREFIX = "gauntlet."


class CorruptBarsError(MarketDataError):
    """A file of stored bars is not what was written."""


@dataclass(frozen=True, slots=True)
class Label:
    """What a file of bars says of itself.

    Parameters
    ----------
    source, symbol
        Whose bars they are; a file under another's name is not believed.
    covers
        The days that the source was asked about; a symbol may have no bar at either end of them.
    fetched_at
        When the newest of them were fetched, in UTC; no part of the version.
    data_version, rows
        Of the bars, see `resources.market_data.bars`.
    """

    source: str
    symbol: str
    covers: Span
    fetched_at: datetime
    data_version: str
    rows: int


@dataclass(frozen=True, slots=True)
class StoredFile:
    """A readable file: its label and the bars that it holds."""

    path: str
    label: Label
    bars: pl.DataFrame

    def verified(self) -> "StoredFile":
        """Return the file itself, if its bars are those that it says.

        The version is computed anew, 0.1 ms for ten years; any difference raises
        CorruptBarsError.
        """
        if self.label.data_version != data_version(self.bars):
            raise _corrupt(self.path, "its bars are not those of its data version")
        return self


def label_of(source: str, symbol: str, bars: pl.DataFrame, covers: Span) -> Label:
    """Return the label of bars that have just been fetched."""
    now = datetime.now(UTC).replace(microsecond=0)
    return Label(source, symbol, covers, now, data_version(bars), bars.height)


def encode(bars: pl.DataFrame, label: Label, **more: str) -> bytes:
    """Return the Parquet file of valid `bars`, their label (and `more`) in its metadata."""
    first, last = label.covers
    told = {
        "source": label.source,
        "symbol": label.symbol,
        "covers": f"{first} {last}",
        "fetched_at": label.fetched_at.isoformat(),
        "data_version": label.data_version,
        "rows": str(label.rows),
        **more,
    }
    buffer = io.BytesIO()
    metadata = {f"{_PREFIX}{name}": text for name, text in told.items()}
    bars.write_parquet(buffer, metadata=metadata)
    return buffer.getvalue()


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
    """Return what each of some files holds, not verified yet, or what is wrong with it.

    polars reads them in one go, which takes a third of the time of one after the other. If that
    fails, or they have other rows than they say, each is looked at alone.
    """
    labels = [
        _labelled(path, data, source, symbol)
        for (path, data), symbol in zip(files, symbols, strict=True)
    ]
    good = [place for place, label in enumerate(labels) if isinstance(label, Label)]
    heights = [label.rows for label in labels if isinstance(label, Label)]
    together = _read([files[place] for place in good])
    found: list[StoredFile | CorruptBarsError] = [
        label if isinstance(label, CorruptBarsError) else CorruptBarsError(files[place][0])
        for place, label in enumerate(labels)
    ]
    if isinstance(together, str) or together.height != sum(heights):
        parts = [_read([files[place]]) for place in good]
    else:
        starts = [0, *itertools.accumulate(heights)]
        parts = [together.slice(*part) for part in zip(starts, heights, strict=False)]
    for place, bars in zip(good, parts, strict=True):
        found[place] = _paired(files[place][0], bars, labels[place])
    return found


def told(data: bytes) -> dict[str, str]:
    """Return what a readable file says of itself, by name."""
    metadata = pl.read_parquet_metadata(io.BytesIO(data))
    return {
        name.removeprefix(_PREFIX): text
        for name, text in metadata.items()
        if name.startswith(_PREFIX)
    }


def _labelled(path: str, data: bytes, source: str, symbol: str) -> Label | CorruptBarsError:
    try:
        said = told(data)
        first, last = (date.fromisoformat(day) for day in said["covers"].split())
        label = Label(
            source=said["source"],
            symbol=said["symbol"],
            covers=(first, last),
            fetched_at=datetime.fromisoformat(said["fetched_at"]),
            data_version=said["data_version"],
            rows=int(said["rows"]),
        )
    except UNREADABLE as error:
        return _corrupt(path, str(error).partition("\n")[0])
    except KeyError as error:
        return _corrupt(path, f"it does not say its {error.args[0]}")
    except ValueError as error:
        return _corrupt(path, f"what it says of itself makes no sense: {error}")
    if (label.source, label.symbol) != (source, symbol):
        return _corrupt(path, f"it holds {label.symbol} of source '{label.source}'")
    return label


def _read(files: Sequence[tuple[str, bytes]]) -> pl.DataFrame | str:
    """Return the rows of some files, one after the other, or why they can't be read."""
    if not files:
        return pl.DataFrame(schema=SCHEMA)
    try:
        bars = pl.read_parquet([io.BytesIO(data) for _, data in files])
    except UNREADABLE as error:
        return str(error).partition("\n")[0]
    return bars if bars.schema == _SCHEMA else "its columns are not those of bars"


def _paired(
    path: str, bars: pl.DataFrame | str, label: Label | CorruptBarsError
) -> StoredFile | CorruptBarsError:
    if isinstance(label, CorruptBarsError):
        return label
    return _corrupt(path, bars) if isinstance(bars, str) else StoredFile(path, label, bars)


def _corrupt(path: str, reason: str) -> CorruptBarsError:
    advice = "materialize its symbol's prices again"
    return CorruptBarsError(f"{path} is corrupt ({reason}): {advice}.")
