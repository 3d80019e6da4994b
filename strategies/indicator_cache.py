"""Indicators computed once for all strategies and parameters that look at one symbol.

The four fast averages of a sweep meet the same four slow ones: 32 of them are computed anew for
16 combinations that differ in 8. While `sharing` is on, each is computed once.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from functools import wraps
from typing import Any, ParamSpec, TypeVar

Parameters = ParamSpec("Parameters")
Answer = TypeVar("Answer")

_known: ContextVar[dict[tuple[Any, ...], tuple[Any, Any]] | None] = ContextVar(
    "known indicators", default=None
)


@dataclass
class Tally:
    """How often a shared indicator was at hand, and how often it had to be computed."""

    hits: int = 0
    misses: int = 0


_tally: ContextVar[Tally | None] = ContextVar("tally of shared indicators", default=None)


@contextmanager
def tallied() -> Iterator[Tally]:
    """Count what `sharing` saves until the end of the block."""
    tally = Tally()
    token = _tally.set(tally)
    try:
        yield tally
    finally:
        _tally.reset(token)


@contextmanager
def sharing() -> Iterator[None]:
    """Compute each shared indicator once a series and parameters, until the end of the block.

    Meant for one symbol at a time: what was computed is let go at the end.
    """
    token = _known.set({})
    try:
        yield
    finally:
        _known.reset(token)


def shared(indicator: Callable[Parameters, Answer]) -> Callable[Parameters, Answer]:
    """Make an indicator one that `sharing` computes once; its arrays become read-only then.

    A series is told from another by identity, not by content: comparing would cost as much as
    computing. It is kept alive as long as its answer, so that no other can take its identity. One
    that may still be written to is not remembered: bars are read-only, and so are answers.
    """

    @wraps(indicator)
    def remembered(*args: Parameters.args, **kwargs: Parameters.kwargs) -> Answer:
        known = _known.get()
        if known is None:
            return indicator(*args, **kwargs)
        import numpy as np

        given = (*args, *kwargs.values())
        if any(isinstance(one, np.ndarray) and one.flags.writeable for one in given):
            return indicator(*args, **kwargs)
        key = (
            indicator,
            *kwargs,
            *(id(one) if isinstance(one, np.ndarray) else one for one in given),
        )
        there = key in known
        if not there:
            known[key] = (given, _read_only(indicator(*args, **kwargs)))
        _count(there)
        return known[key][1]

    return remembered


def _count(hit: bool) -> None:
    tally = _tally.get()
    if tally is not None:
        tally.hits += hit
        tally.misses += not hit


def _read_only(answer: Any) -> Any:
    for array in answer if isinstance(answer, tuple) else (answer,):
        array.setflags(write=False)
    return answer
