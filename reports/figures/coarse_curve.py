"""Lines of few bytes: most of a report's pages have three of them, all drawn at once."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from strategies.base import Floats

_UNSEEN, _PASSES = 0.7, 2
"""Pixels that a point may be off, and how often points are thinned."""

Places = NDArray[np.int64]
Flags = NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class PlacedCurve:
    """A curve in pixels.

    Parameters
    ----------
    x, y
        Finite places, x ascending; shape (T,), T >= 1.
    color
        As the style sheet names it: ``var(--c1)``.
    pieces
        Of so many the lowest and the highest place are kept.
    """

    x: Floats
    y: Floats
    color: str
    pieces: int


def draw_coarse_curves(curves: Sequence[PlacedCurve]) -> list[str]:
    """Return a line per curve, in whole pixels.

    Points whose absence is not seen are left out. A curve is the same line among any others.
    """
    points, ends = _place(curves)
    points, ends = _drop(points, ends, _find_level(points))
    for _ in range(_PASSES):
        points, ends = _drop(points, ends, _find_straight(points, ends))
    starts = np.flatnonzero(ends)[::2]
    moves = np.diff(points, axis=0, prepend=0)
    moves[starts] = points[starts]
    bounds = [*starts.tolist(), len(points)]
    return [
        _write_line(moves[first:stop], one.color)
        for one, first, stop in zip(curves, bounds[:-1], bounds[1:], strict=True)
    ]


def _write_line(moves: Places, color: str) -> str:
    """Return a line from its first place, and the moves from each point to the next."""
    (right, down), *_ = moves.tolist()
    steps = str(moves[1:].ravel().tolist())[1:-1].replace(",", "").replace(" -", "-")
    return f'<path class="line" d="M{right} {down}l{steps}" stroke="{color}"/>'


def _place(curves: Sequence[PlacedCurve]) -> tuple[Places, Flags]:
    """Return the points of all curves one after the other, and which are first or last of one."""
    alike: dict[tuple[int, int], list[int]] = defaultdict(list)
    for number, one in enumerate(curves):
        alike[len(one.x), one.pieces].append(number)
    placed: dict[int, Places] = {}
    for (_, pieces), numbers in alike.items():
        x, y = (np.stack([getattr(curves[one], name) for one in numbers]) for name in "xy")
        kept = _thin(y, pieces)
        both = [np.rint(np.take_along_axis(one, kept, axis=1)) for one in (x, y)]
        placed |= zip(numbers, np.stack(both, axis=2).astype(np.int64), strict=True)
    ordered = [placed[number] for number in range(len(curves))]
    stops = np.cumsum([len(one) for one in ordered])
    ends = np.zeros(stops[-1], dtype=bool)
    ends[stops - 1] = ends[np.append(0, stops[:-1])] = True
    return np.concatenate(ordered), ends


def _thin(y: Floats, pieces: int) -> Places:
    """Return first, last, and of so many pieces the lowest and the highest place, in order.

    Parameters
    ----------
    y
        Shape (N, T); places are in columns, shape (N, M).
    """
    curves, length = y.shape
    size = -(-length // pieces)
    padded = np.pad(y, ((0, 0), (0, -length % size)), mode="edge").reshape(curves, -1, size)
    both = np.sort(np.stack([padded.argmin(axis=2), padded.argmax(axis=2)], axis=2), axis=2)
    inner = (both + np.arange(padded.shape[1])[:, np.newaxis] * size).reshape(curves, -1)
    first, last = np.zeros((curves, 1), dtype=np.int64), np.full((curves, 1), length - 1)
    return np.concatenate([first, np.minimum(inner, length - 1), last], axis=1)


def _drop(points: Places, ends: Flags, unseen: Flags) -> tuple[Places, Flags]:
    kept = ends | ~unseen
    return points[kept], ends[kept]


def _find_level(points: Places) -> Flags:
    """Return which points are inside a level stretch, which is one move."""
    level = np.diff(points[:, 1], prepend=0, append=0) == 0
    return level[:-1] & level[1:]


def _find_straight(points: Places, ends: Flags) -> Flags:
    """Return points of a rise or a fall whose absence is not seen.

    Where neighbours could go, every second one does.
    """
    moves = np.diff(points, axis=0, prepend=points[:1], append=points[-1:])
    before, after = moves[:-1], moves[1:]
    area = np.abs(before[:, 0] * after[:, 1] - before[:, 1] * after[:, 0])
    straight = area <= _UNSEEN * np.hypot(*(before + after).T)
    straight &= (before[:, 1] * after[:, 1] >= 0) & ~ends
    run = np.arange(len(straight))
    first = np.maximum.accumulate(np.where(straight, -1, run)) + 1
    return straight & ((run - first) % 2 == 0)
