"""From the price store into the engine: adjusted histories of symbols, and their versions."""

from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from datetime import date
from itertools import islice

import numpy as np
import polars as pl

from engine.history import History
from resources.market_data.bars import PRICES, data_version
from resources.market_data.parquet import StoredFile
from resources.price_store import PriceStore, window_of
from strategies.base import Bars

Wanted = tuple[str, date, date]
"""A symbol, and the first and the last day of the history that is wanted, both inclusive."""

# Files that are decoded together; and batches that are read while one is used: at ten years a
# symbol, 9 MB each.
_BATCH = 64
_AHEAD = 2


@dataclass(frozen=True)
class LoadedHistory:
    """A history, and the content hash of the stored bars that it was made of."""

    history: History
    data_version: str


Loaded = LoadedHistory | Exception


def load_history(
    store: PriceStore, source: str, symbol: str, start: date, end: date
) -> LoadedHistory:
    """Return the history of `symbol` from `start` to `end`, inclusive.

    The arrays are read-only. Bars before `start` are cut off even if they are stored, so that a
    result does not depend on what earlier runs have fetched; the version is that of the bars
    that remain.

    Raises
    ------
    NoStoredBarsError
        When none are stored in that window.
    CorruptBarsError
        When the file is not what was written.
    """
    ((_, loaded),) = _batch(store, source, [(symbol, start, end)])
    if isinstance(loaded, Exception):
        raise loaded
    return loaded


def load_histories(
    store: PriceStore, source: str, wanted: Iterable[Wanted]
) -> Iterator[tuple[str, Loaded]]:
    """Yield each symbol with its history, or with what `load_history` would raise for it.

    In the order of `wanted`, which is taken as it is needed: the files of some symbols are read
    and decoded together, by two threads, a bounded number of symbols ahead of their use.
    """
    rest = iter(wanted)
    with ThreadPoolExecutor(_AHEAD) as pool:
        ahead: deque[Future[list[tuple[str, Loaded]]]] = deque()
        try:
            while batch := list(islice(rest, _BATCH)):
                ahead.append(pool.submit(_batch, store, source, batch))
                if len(ahead) > _AHEAD:
                    yield from ahead.popleft().result()
            while ahead:
                yield from ahead.popleft().result()
        finally:
            for waiting in ahead:
                waiting.cancel()


def _batch(store: PriceStore, source: str, batch: list[Wanted]) -> list[tuple[str, Loaded]]:
    found = store.read_many(source, [symbol for symbol, _, _ in batch])
    return [
        (symbol, _loaded(stored, start, end))
        for stored, (symbol, start, end) in zip(found, batch, strict=True)
    ]


def _loaded(stored: StoredFile | Exception, start: date, end: date) -> Loaded:
    if isinstance(stored, Exception):
        return stored
    try:
        window = window_of(stored, start, end)
    except Exception as error:  # noqa: BLE001 - one symbol must not spoil the others
        return error
    # The version of all that is stored was computed when it was read.
    whole = window is stored.bars
    version = stored.label.data_version if whole else data_version(window)
    return LoadedHistory(_history(stored.label.symbol, window), version)


def _history(symbol: str, window: pl.DataFrame) -> History:
    """Return bars with their prices adjusted: all four by the row's one factor.

    A bar that was valid stays valid. Volume stays as it was traded: the factor mixes splits with
    dividends, and volume knows only the former.
    """
    factor = window["adjustment"].to_numpy()
    prices = {name: window[name].to_numpy() * factor for name in PRICES}
    bars = Bars(**prices, volume=np.ascontiguousarray(window["volume"].to_numpy()))
    for values in (*prices.values(), bars.volume):
        values.setflags(write=False)
    dates = window["date"].to_numpy().astype("datetime64[D]")
    dates.setflags(write=False)
    return History(symbol, dates, bars)
