"""A small plot of a stage's last runs: a regression is visible before it is a failure."""

import base64
import functools
import io
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import dagster as dg

from research.audit.stage_profile import StageProfile

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_INK, _LINE = "#2b2f33", "#0b6e99"


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
    return {"last_runs": dg.MetadataValue.md(_render_image(growth, rate))}


# Every check of every strategy of a run shows the same plot.
@functools.lru_cache(maxsize=4)
def _render_image(growth: Sequence[float], rate: Sequence[float]) -> str:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6, 1.6), layout="constrained")
    left, right = figure.subplots(1, 2)
    _draw(left, growth, "memory growth, MB")
    _draw(right, rate, "symbols per second")
    content = io.BytesIO()
    figure.savefig(content, format="png", dpi=80)
    picture = base64.b64encode(content.getvalue()).decode()
    return f"![the last {len(rate)} runs, the newest on the right](data:image/png;base64,{picture})"


def _draw(axes: "Axes", values: Sequence[float], title: str) -> None:
    axes.plot(range(1 - len(values), 1), values, color=_LINE, marker="o", markersize=3)
    axes.set_ylim(bottom=min(0.0, *values))
    axes.set_title(title, loc="left", fontsize=8, color=_INK)
    axes.tick_params(labelsize=7)
    axes.set_xticks([1 - len(values), 0], [f"{len(values) - 1} runs ago", "now"])
    axes.spines[["top", "right"]].set_visible(False)
