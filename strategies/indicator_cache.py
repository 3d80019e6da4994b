"""Indicators computed once for all strategies and parameters that look at one symbol.

The four fast averages of a sweep meet the same four slow ones: 16 combinations need 32 averages
that differ in 8. Inside `indicator_cache` each is computed once.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from functools import wraps
from typing import Any, ParamSpec, TypeVar

Parameters = ParamSpec("Parameters")
Indicator = TypeVar("Indicator")


@dataclass
class CacheStats:
    """How many indicators were taken from the cache (hits), and how many computed (misses)."""

    hits: int = 0
    misses: int = 0

    def add(self, other: "CacheStats") -> None:
        """Count what another cache counted."""
        self.hits += other.hits
        self.misses += other.misses


@dataclass(frozen=True)
class _Cache:
    stats: CacheStats
    # The arguments, so that they live as long as their identities are keys, and the indicator.
    known: dict[tuple[Any, ...], tuple[Any, Any]]


_cache: ContextVar[_Cache | None] = ContextVar("indicator cache", default=None)


@contextmanager
def indicator_cache(stats: CacheStats | None = None) -> Iterator[None]:
    """Compute each indicator once per series and parameters until the end of the ``with`` block.

    Meant for one symbol at a time: what was computed is dropped at the end. `stats` is counted up.
    """
    token = _cache.set(_Cache(stats or CacheStats(), {}))
    try:
        yield
    finally:
        _cache.reset(token)


def cached_indicator(compute: Callable[Parameters, Indicator]) -> Callable[Parameters, Indicator]:
    """Let `indicator_cache` compute the decorated indicator once; its arrays are read-only then.

    Two series are told apart by identity, not by content: comparing would cost as much as
    computing. A series is kept alive as long as its indicator, so that no other can take its
    identity. One that can still be written to is never remembered; bars and indicators cannot.
    """

    @wraps(compute)
    def look_up(*args: Parameters.args, **kwargs: Parameters.kwargs) -> Indicator:
        cache = _cache.get()
        if cache is None:
            return compute(*args, **kwargs)
        import numpy as np

        given = (*args, *kwargs.values())
        if any(isinstance(one, np.ndarray) and one.flags.writeable for one in given):
            return compute(*args, **kwargs)
        identities = (id(one) if isinstance(one, np.ndarray) else one for one in given)
        key = (compute, *kwargs, *identities)
        if key in cache.known:
            cache.stats.hits += 1
        else:
            cache.stats.misses += 1
            cache.known[key] = (given, _read_only(compute(*args, **kwargs)))
        return cache.known[key][1]

    return look_up


def _read_only(indicator: Any) -> Any:
    for array in indicator if isinstance(indicator, tuple) else (indicator,):
        array.setflags(write=False)
    return indicator
