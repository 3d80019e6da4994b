"""A cache of single backtests: what was computed once from the same bars is not computed again.

The key is derived from all that a result depends on, the bars and the code included: other
parameters, a changed bar or an edited strategy have another key, so nothing ever becomes stale.
"""

import hashlib
import pickle
from collections.abc import Mapping
from typing import Any, Protocol

from engine.code_version import code_version
from engine.errors import InvalidSettingsError
from engine.history import History
from engine.settings import BacktestSettings, Window
from strategies.base import Strategy
from strategies.indicator_cache import CacheStats

_CURVES = ("equity_curve", "drawdown_series")
_DIGEST_BYTES = hashlib.sha256().digest_size


class Mapped(Protocol):
    """Where a cache keeps its entries: a dict, `cachetools.LRUCache`, `diskcache.Cache` ..."""

    def get(self, key: str, /) -> Any:
        """Return the entry of a key, None if there is none."""
        ...

    def __setitem__(self, key: str, value: bytes, /) -> None:
        """Keep an entry."""
        ...


class ResultCache:
    """The dicts of `VectorBTEngine.run_backtest`, by the content that they were computed from.

    An entry that is not what was kept counts as none: each begins with a hash of the rest. Entries
    are pickles, about 20 KB for three years of daily bars: what a caller changes in a
    result is changed nowhere else. Unpickling runs code, so entries must come from no stranger.

    Parameters
    ----------
    entries
        Where they are kept; it decides how many, how long and for whom.

    Attributes
    ----------
    stats
        How many results were found (hits), and how many had to be computed (misses).
    """

    def __init__(self, entries: Mapped) -> None:
        if not (hasattr(entries, "get") and hasattr(entries, "__setitem__")):
            raise InvalidSettingsError(
                f"cache is {entries!r}; allowed: a mapping such as {{}} or "
                "cachetools.LRUCache(maxsize=1000), or None."
            )
        self.entries = entries
        self.stats = CacheStats()

    def find(self, key: str) -> dict[str, Any] | None:
        """Return a copy of the result of a key, None if there is none; count which it was."""
        entry = self.entries.get(key)
        if entry is None or not _is_intact(entry):
            self.stats.misses += 1
            return None
        self.stats.hits += 1
        return _unpack(entry)

    def keep(self, key: str, result: Mapping[str, Any]) -> None:
        """Keep a copy of a result."""
        self.entries[key] = _pack(result)


def _pack(result: Mapping[str, Any]) -> bytes:
    """Return a result as a pickle, its curves as arrays on one index: a third of the time."""
    curves = {name: (result[name].to_numpy(), result[name].name) for name in _CURVES}
    days = result[_CURVES[0]].index.to_numpy()
    content = pickle.dumps((days, {**result, **curves}), protocol=pickle.HIGHEST_PROTOCOL)
    return hashlib.sha256(content).digest() + content


def _is_intact(entry: bytes) -> bool:
    whole = memoryview(entry)
    return hashlib.sha256(whole[_DIGEST_BYTES:]).digest() == whole[:_DIGEST_BYTES]


def _unpack(entry: bytes) -> dict[str, Any]:
    import pandas as pd

    days, result = pickle.loads(entry[_DIGEST_BYTES:])  # noqa: S301 - made by this module
    index = pd.DatetimeIndex(days)
    for name in _CURVES:
        values, label = result[name]
        result[name] = pd.Series(values, index=index, name=label)
    return result


def derive_key(
    history: History, strategy: Strategy, window: Window, settings: BacktestSettings, source: str
) -> str:
    """Return the key of a backtest: equal for equal results, and for no others."""
    facts = (
        history.symbol, history.content_version(), history.bars_per_year, history.last_session,
        strategy, code_version(type(strategy)), window.start, window.end, settings, source,
    )  # fmt: skip
    return hashlib.sha256(repr(facts).encode()).hexdigest()
