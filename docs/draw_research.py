"""Draws docs/research.png: a grid, what choosing from it is worth, and how edges are found."""

import re
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from engine.backtest import VectorBTEngine
from engine.equal_weight import EqualWeight
from engine.parameter_grid import build_grid
from engine.settings import BacktestSettings
from research.calibration.markets import SimulatedMarket, find_window
from research.fold_choices import TrialCurves, WalkForwardProtocol
from research.residuals import hedge_across_folds
from research.statistics.moments import compute_sharpes
from research.universe_curves import UniverseCurves, compute_universe_curves
from research.walk_forward import WalkForward, walk_forward

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_BLUE, _RED, _GREY, _INK = "#0b6e99", "#d1495b", "#b9c0c7", "#2b2f33"
_FOLDER = Path(__file__).parent
_EDGE = re.compile(
    r"^\| (trend|reversion), \S+ \| (\S+) \| (\S+) \| \S+ \| (\S+) ± \S+ % \|", re.MULTILINE
)


def main() -> None:
    """Draw, and say where."""
    from matplotlib.figure import Figure

    curves, walked = _research()
    figure = Figure(figsize=(12, 3.9), layout="constrained")
    grid, chosen, found = figure.subplots(1, 3)
    residuals = hedge_across_folds(curves.returns, curves.market)
    _draw_grid(grid, curves, residuals)
    _draw_choice(chosen, curves, residuals, walked)
    _draw_power(found)
    path = _FOLDER / "research.png"
    figure.savefig(path, dpi=100)
    print(path)  # noqa: T201


def _research() -> tuple[UniverseCurves, WalkForward]:
    """Return a sweep of momentum on a simulated universe with weak trends, and its walk-forward."""
    histories = SimulatedMarket("trend", 0.10).draw(11)
    window, points = find_window(), build_grid("momentum").strategies
    universe, engine = EqualWeight.of(histories, window), VectorBTEngine(BacktestSettings())
    outcomes = engine.run_batches(histories, points, window)
    curves = compute_universe_curves(outcomes, points, window, universe)
    found, _ = walk_forward(
        [TrialCurves.of(curves)], histories, window, engine, universe, WalkForwardProtocol()
    )
    return curves, found[0]


def _draw_grid(axes: "Axes", curves: UniverseCurves, residuals: np.ndarray) -> None:
    names = list(curves.strategies[0].parameters())
    values = [sorted({one.parameters()[name] for one in curves.strategies}) for name in names]
    sharpes = compute_sharpes(residuals).reshape([len(some) for some in values]) * np.sqrt(252)
    image = axes.imshow(sharpes, cmap="RdBu", vmin=-1.5, vmax=1.5, aspect="auto", origin="lower")
    for row, column in np.ndindex(*sharpes.shape):
        axes.text(column, row, f"{sharpes[row, column]:.1f}", ha="center", va="center", fontsize=8)
    axes.set_yticks(range(len(values[0])), [f"{one:g}" for one in values[0]])
    axes.set_xticks(range(len(values[1])), [f"{one:g}" for one in values[1]])
    axes.set_ylabel(names[0])
    axes.set_xlabel(names[1])
    axes.set_title("momentum: Sharpe ratio of each point's residual", loc="left", fontsize=9)
    axes.figure.colorbar(image, ax=axes, shrink=0.8)


def _draw_choice(
    axes: "Axes", curves: UniverseCurves, residuals: np.ndarray, walked: WalkForward
) -> None:
    tested = walked.out_of_sample
    best = int(np.argmax(compute_sharpes(residuals)))
    days = curves.dates[tested]
    for curve, color, label in (
        (residuals[best], _GREY, f"best of {len(residuals)} points, known afterwards"),
        (walked.residual, _BLUE, "walk-forward: chosen on the past"),
    ):
        axes.plot(days, 100 * np.cumsum(curve[tested]), color=color, label=label)
    for choice in walked.choices:
        axes.axvline(curves.dates[choice.fold.test.start], color=_GREY, linewidth=0.5)
    axes.axhline(0.0, color=_INK, linewidth=0.6)
    axes.set_ylabel("sum of residual returns, %")
    axes.tick_params(axis="x", labelrotation=30)
    axes.set_title("out of sample, fold by fold", loc="left", fontsize=9)
    axes.legend(frameon=False, fontsize=8)


def _draw_power(axes: "Axes") -> None:
    rows = _EDGE.findall((_FOLDER / "calibration.md").read_text(encoding="utf-8"))
    for kind, color in (("trend", _BLUE), ("reversion", _RED)):
        for correlation, line in (("0.3", "o-"), ("0.6", "s:")):
            points = sorted(
                (float(true), float(share))
                for *case, true, share in rows
                if case == [kind, correlation]
            )
            label = f"{kind}, correlation {correlation}"
            axes.plot(*zip(*points, strict=True), line, color=color, label=label)
    axes.axhline(5.0, color=_GREY, linestyle="--", label="false at most")
    axes.set_xlabel("true Sharpe ratio against one share")
    axes.set_ylabel("universes with a promising strategy, %")
    axes.set_ylim(0, 105)
    axes.set_title("how often a planted edge is found", loc="left", fontsize=9)
    axes.legend(frameon=False, fontsize=8)


if __name__ == "__main__":
    main()
