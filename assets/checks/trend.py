"""A small plot of a stage's last runs: a regression is visible before it is a failure.

SVG, written here: two lines with their scale need no library, and matplotlib takes a second to load
and to draw, which is more than the checks themselves take.
"""

import base64
import functools
from collections.abc import Sequence
from typing import Any

import dagster as dg

from research.audit.stage_profile import StageProfile

_INK, _LINE = "#2b2f33", "#0b6e99"
_WIDTH, _HEIGHT = 300, 120
_LEFT, _RIGHT, _TOP, _BOTTOM = 48, 16, 24, 22
"""Pixels of one of the two plots, and of its margins."""


def plot_trend(history: Sequence[StageProfile]) -> dict[str, Any]:
    """Return metadata with a plot of memory and throughput; empty for a single run.

    Parameters
    ----------
    history
        Profiles of a stage, newest first.
    """
    runs = [profile for profile in reversed(history) if profile.wall_seconds]
    if len(runs) < 2:  # noqa: PLR2004 - one point is no trend
        return {}
    growth = tuple(profile.memory_growth_mb for profile in runs)
    rate = tuple(profile.succeeded / profile.wall_seconds for profile in runs)
    return {"last_runs": dg.MetadataValue.md(_embed(growth, rate))}


# Every check of every strategy of a run shows the same plot.
@functools.lru_cache(maxsize=4)
def _embed(growth: Sequence[float], rate: Sequence[float]) -> str:
    picture = base64.b64encode(draw_trend(growth, rate).encode()).decode()
    words = f"the last {len(rate)} runs, the newest on the right"
    return f"![{words}](data:image/svg+xml;base64,{picture})"


def draw_trend(growth: Sequence[float], rate: Sequence[float]) -> str:
    """Return an SVG of two lines side by side; both have as many values, two at least."""
    left = _draw(growth, "memory growth, MB", 0)
    right = _draw(rate, "symbols per second", _WIDTH)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{2 * _WIDTH}" height="{_HEIGHT}" '
        f'font-family="sans-serif" font-size="10" fill="{_INK}">'
        f'<rect width="100%" height="100%" fill="white"/>{left}{right}</svg>'
    )


def _draw(values: Sequence[float], title: str, offset: int) -> str:
    low, high = min(0.0, *values), max(0.0, *values)
    spread = (high - low) or 1.0
    first, last = offset + _LEFT, offset + _WIDTH - _RIGHT
    top, bottom = _TOP, _HEIGHT - _BOTTOM
    points = [
        (
            first + (last - first) * number / (len(values) - 1),
            bottom - (bottom - top) * (value - low) / spread,
        )
        for number, value in enumerate(values)
    ]
    line = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    ago = f"{len(values) - 1} runs ago" if len(values) > 2 else "1 run ago"  # noqa: PLR2004
    dots = "".join(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="2"/>' for x, y in points)
    return (
        f'<text x="{first}" y="14">{title}</text>'
        f'<path d="M{first} {top}V{bottom}H{last}" fill="none" stroke="{_INK}"/>'
        f'<g text-anchor="end"><text x="{first - 4}" y="{top + 4}">{high:.4g}</text>'
        f'<text x="{first - 4}" y="{bottom + 3}">{low:.4g}</text></g>'
        f'<text x="{first}" y="{bottom + 14}">{ago}</text>'
        f'<text x="{last}" y="{bottom + 14}" text-anchor="end">now</text>'
        f'<g fill="{_LINE}"><polyline points="{line}" fill="none" stroke="{_LINE}" '
        f'stroke-width="1.5"/>{dots}</g>'
    )
