"""From the price store into the engine: a symbol's adjusted history, and its version."""

from dataclasses import dataclass
from datetime import date

from engine.history import History
from resources.market_data.bars import adjusted, data_version
from resources.price_store import PriceStore
from strategies.base import Bars


@dataclass(frozen=True)
class LoadedHistory:
    """A history, and the content hash of the stored bars that it was made of."""

    history: History
    data_version: str


def load_history(
    store: PriceStore, source: str, symbol: str, start: date, end: date
) -> LoadedHistory:
    """Return the history of `symbol` from `start` to `end`, inclusive.

    The arrays are read-only views of the frame. Bars before `start` are cut off even if they
    are stored, so that a result does not depend on what earlier runs have fetched; the version
    is that of the bars that remain.

    Raises
    ------
    NoStoredBarsError
        When none are stored in that window.
    """
    stored = store.load(source, symbol, start, end).rechunk()
    frame = adjusted(stored).rechunk()
    names = ("open", "high", "low", "close", "volume")
    bars = Bars(*(frame[name].to_numpy() for name in names))
    dates = frame["date"].to_numpy().astype("datetime64[D]")
    return LoadedHistory(History(symbol, dates, bars), data_version(stored))
