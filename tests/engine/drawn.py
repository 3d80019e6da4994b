"""Bars that hypothesis draws."""

from collections.abc import Sequence

import numpy as np
from hypothesis import strategies as st

from strategies.base import Bars


def bars_in_steps(rows: Sequence[tuple[int, int, int, int]]) -> Bars:
    """Return bars from steps of 1 %: gap to the open, move to the close, reach up, reach down.

    Steps make equal prices likely, and so the ties that the rules must decide.
    """
    gap, move, up, down = (np.array(steps) for steps in zip(*rows, strict=True))
    before = np.concatenate([[0], np.cumsum(gap + move)[:-1]])
    opening, close = 100.0 * 1.01 ** (before + gap), 100.0 * 1.01 ** (before + gap + move)
    return Bars(
        open=opening,
        high=np.maximum(opening, close) * 1.01**up,
        low=np.minimum(opening, close) / 1.01**down,
        close=close,
        volume=np.full(len(close), 1000.0),
    )


def steps(largest: int) -> st.SearchStrategy[tuple[int, int, int, int]]:
    """Draw one bar for `bars_in_steps`, whose gap and move are at most `largest` each way."""
    way, reach = st.integers(-largest, largest), st.integers(0, 3)
    return st.tuples(way, way, reach, reach)
