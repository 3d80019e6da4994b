"""What was learned from a symbol's bars, kept for the stages of a run that learn from them again.

Backtests, sweep, walk-forward, robustness, portfolios and forward record go through the same
histories. `strategies.indicator_cache` lasts for one symbol of one of them, and tells series apart
by identity: an indicator is cheaper than comparing series. A fit is not: it takes 3 to 30 ms, and a
digest of its bars some 0.02 ms. So inside `fit_cache` it is made once per content of its bars.

A prefix of the bars is another content: what is checked for look-ahead on prefixes is fitted again.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from functools import wraps
from hashlib import blake2b
from typing import Any, ParamSpec

from strategies.base import Floats
from strategies.indicator_cache import cached_step

Parameters = ParamSpec("Parameters")

MOST_BYTES = 64_000_000
"""That a cache holds: fits of some 1,000 symbols, four years each. What comes later is not kept.

The first fits stay, since each stage begins with the first symbols again.
"""


@dataclass
class FitCache:
    """Fits by the function that made them and the content of its arguments."""

    known: dict[tuple[Any, ...], Floats] = field(default_factory=dict)
    size: int = 0

    def keep(self, key: tuple[Any, ...], fitted: Floats) -> None:
        """Remember a fit, unless the cache is full."""
        if self.size + fitted.nbytes <= MOST_BYTES:
            self.known[key] = fitted
            self.size += fitted.nbytes


_cache: ContextVar[FitCache | None] = ContextVar("fit cache", default=None)


@contextmanager
def fit_cache() -> Iterator[FitCache]:
    """Make each fit once per content of its bars until the end of the ``with`` block."""
    cache = FitCache()
    with _using(cache):
        yield cache


@contextmanager
def no_fit_cache() -> Iterator[None]:
    """Make each fit again until the end of the ``with`` block: to measure how long it takes."""
    with _using(None):
        yield


@contextmanager
def _using(cache: FitCache | None) -> Iterator[None]:
    token = _cache.set(cache)
    try:
        yield
    finally:
        _cache.reset(token)


def cached_fit(compute: Callable[Parameters, Floats]) -> Callable[Parameters, Floats]:
    """Let `fit_cache` remember the decorated step by the content of its series.

    Inside `indicator_cache` it is a `cached_step` too. It must be decided by its arguments alone.
    """

    @wraps(compute)
    def look_up(*args: Parameters.args, **kwargs: Parameters.kwargs) -> Floats:
        cache = _cache.get()
        if cache is None:
            return compute(*args, **kwargs)
        key = (compute, *map(_identify, args), *kwargs, *map(_identify, kwargs.values()))
        if key not in cache.known:
            fitted = compute(*args, **kwargs)
            fitted.setflags(write=False)
            cache.keep(key, fitted)
            return fitted
        return cache.known[key]

    return cached_step(look_up)


def _identify(given: object) -> object:
    """Return an array's shape, type and digest; of anything else, its type and itself."""
    if not hasattr(given, "setflags"):
        return type(given), given
    values: Any = given
    return values.shape, values.dtype.str, blake2b(values.tobytes(), digest_size=16).digest()
