"""Indicators computed once for all strategies and parameters that look at one symbol.

The four fast averages of a sweep meet the same four slow ones: 16 combinations need 32 averages
that differ in 8. Inside `indicator_cache` each is computed once. So is a step of a
rule that not all parameters decide: 48 points of RSI enter on 12 sets of bars.
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


# A key by its value; of the rest, arrays and NumPy's numbers, only arrays can be written to.
_PLAIN = frozenset({int, float, str, type(None)})


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
    return _remember(compute, counted=True)


def cached_step(compute: Callable[Parameters, Indicator]) -> Callable[Parameters, Indicator]:
    """Do the same for a step of a rule that is no indicator, and which `CacheStats` do not count.

    For what only some of a strategy's parameters decide, and for what several indicators share.
    """
    return _remember(compute, counted=False)


def _remember(
    compute: Callable[Parameters, Indicator], *, counted: bool
) -> Callable[Parameters, Indicator]:
    @wraps(compute)
    def look_up(*args: Parameters.args, **kwargs: Parameters.kwargs) -> Indicator:
        cache = _cache.get()
        if cache is None:
            return compute(*args, **kwargs)
        given = (*args, *kwargs.values()) if kwargs else args
        key: list[Any] = [compute, *kwargs]
        for one in given:
            if type(one) in _PLAIN:
                key.append(one)
            elif one.flags.writeable:  # pyright: ignore[reportAttributeAccessIssue]
                return compute(*args, **kwargs)
            else:
                key.append(id(one))
        whole = tuple(key)
        known = cache.known.get(whole)
        if counted:
            cache.stats.hits += known is not None
            cache.stats.misses += known is None
        if known is None:
            known = cache.known[whole] = given, _read_only(compute(*args, **kwargs))
        return known[1]

    return look_up


def _read_only(made: Any) -> Any:
    for one in made if isinstance(made, tuple) else (made,):
        if hasattr(one, "setflags"):
            one.setflags(write=False)
    return made
