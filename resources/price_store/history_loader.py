"""Loads stored bars as histories for the engine: adjusted, with their data version."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from itertools import islice

import numpy as np
import polars as pl

from engine.history import History
from engine.malloc import keep_memory
from resources.market_data.bars import data_version
from resources.price_store.errors import DistortedBarsError
from resources.price_store.spans import HistorySpec
from resources.price_store.stored_file import StoredFile
from resources.price_store.stored_prices import StoredPrices
from resources.trading_calendar import find_calendar
from strategies.base import Bars, Floats

# Files that are read and decoded together: at ten years per symbol, 18 MB.
_BATCH = 128


@dataclass(frozen=True)
class LoadedHistory:
    """A history, and the content hash of the stored bars that it was made of."""

    history: History
    data_version: str


def load_histories(
    store: StoredPrices,
    source: str,
    specs: Iterable[HistorySpec],
    find_jump: Callable[[str, pl.DataFrame], str] | None = None,
) -> Iterator[tuple[str, LoadedHistory | Exception]]:
    """Yield each symbol with its history, or with the error that stands in its place.

    NoStoredBarsError if no bars are stored for the window, CorruptBarsError for a file that is not
    what was written, DistortedBarsError for bars in which `find_jump` finds something. The arrays
    are read-only. Bars before the start are cut off even if they are stored, so that a result does
    not depend on what earlier runs have fetched; the version is that of the bars that remain.

    In the order of `specs`, which are consumed as needed: a batch of files is read and decoded
    while the one before it is used.
    """
    keep_memory()
    read = partial(_read, store, source)
    rest = iter(specs)
    batch = list(islice(rest, _BATCH))
    found = read(batch)
    with ThreadPoolExecutor(1) as reader:
        while batch:
            following = list(islice(rest, _BATCH))
            # Read and decoded outside of the interpreter's lock, while these are used.
            ahead = reader.submit(read, following) if following else None
            for stored, spec in zip(found, batch, strict=True):
                yield spec.symbol, _build_loaded_history(stored, spec, find_jump)
            batch, found = following, ahead.result() if ahead else []


def _read(
    store: StoredPrices, source: str, batch: Sequence[HistorySpec]
) -> list[StoredFile | Exception]:
    return store.read_many(source, [spec.symbol for spec in batch])


def _build_loaded_history(
    stored: StoredFile | Exception,
    spec: HistorySpec,
    find_jump: Callable[[str, pl.DataFrame], str] | None,
) -> LoadedHistory | Exception:
    if isinstance(stored, Exception):
        return stored
    try:
        window = stored.verified().select(spec.start, spec.end)
        jump = find_jump(spec.symbol, window) if find_jump else ""
    except Exception as error:  # noqa: BLE001 - one symbol must not spoil the others
        return error
    if jump:
        return DistortedBarsError(spec.symbol, jump)
    # The version of all that is stored has just been computed.
    whole = window is stored.bars
    version = stored.label.data_version if whole else data_version(window)
    return LoadedHistory(to_history(spec, window), version)


def to_history(spec: HistorySpec, window: pl.DataFrame) -> History:
    """Return bars with their prices adjusted: all four by the row's one factor.

    A bar that was valid stays valid. Volume stays as it was traded: the factor mixes splits with
    dividends, and volume knows only the former. Half-spreads are fractions of any price. Bars per
    year and last session are those of the calendar.
    """
    date, *numbers = window.get_columns()
    opens, highs, lows, closes, volume, factor, *more = (column.to_numpy() for column in numbers)
    adjusted: list[Floats] = [values * factor for values in (opens, highs, lows, closes)]
    opens, highs, lows, closes = adjusted
    dates = date.to_numpy().astype("datetime64[D]")
    bars = Bars(opens, highs, lows, closes, np.ascontiguousarray(volume))
    spread: Floats | None = np.ascontiguousarray(more[0]) if more else None
    for values in (*adjusted, bars.volume, dates, *([] if spread is None else [spread])):
        values.setflags(write=False)
    calendar = find_calendar(spec.calendar, dates)
    return History(
        spec.symbol,
        dates,
        bars,
        bars_per_year=calendar.bars_per_year,
        last_session=calendar.last_session(spec.start, spec.window_end or spec.end),
        half_spread=spread,
    )
