"""One history from a price store."""

from datetime import date

from resources.price_store.history_loader import LoadedHistory, load_histories
from resources.price_store.spans import HistorySpec
from resources.price_store.store import PriceStore


def load_history(
    store: PriceStore, source: str, symbol: str, start: date, end: date
) -> LoadedHistory:
    """Return the history of a symbol, or raise its error."""
    ((_, loaded),) = load_histories(store, source, [HistorySpec(symbol, start, end)])
    if isinstance(loaded, Exception):
        raise loaded
    return loaded
