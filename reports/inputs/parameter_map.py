"""The heat map of a strategy's sweep, from what the ledger has of its points."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from reports.inputs.run_data import RunData
from research.heat_map import HeatMap
from research.selection import TrainingSlice, choose, find_neighbours, score
from research.statistics.moments import compute_sharpes
from research.trials import BACKTEST_PROTOCOL
from strategies.registry import registered_strategies


@dataclass(frozen=True, eq=False)
class ParameterMap:
    """What became of a strategy's parameter sets.

    Parameters
    ----------
    heat_map
        Residual Sharpe ratios per year; None where no parameter varies.
    points
        How many were tried.
    plateau, plateau_sharpe
        The point whose neighbourhood has the highest mean, and that mean; None without any that
        trades enough.
    """

    heat_map: HeatMap | None
    points: int
    plateau: Mapping[str, Any] | None
    plateau_sharpe: float | None


def load_parameter_map(data: RunData, strategy: str) -> ParameterMap | None:
    """Return the map of all points in the ledger; None where fewer than two were tried."""
    panel, kind = data.trials, registered_strategies().get(strategy)
    if panel is None or kind is None:
        return None
    version = data.scope.strategies[strategy].code_version
    names = zip(panel.strategies, panel.protocols, panel.code_versions, strict=True)
    wanted = (strategy, BACKTEST_PROTOCOL, version)
    rows = [row for row, one in enumerate(names) if one == wanted]
    if len(rows) < 2:  # noqa: PLR2004
        return None
    parameters = [panel.parameters[row] for row in rows]
    points = [kind.from_mapping(one) for one in parameters]
    sharpes = compute_sharpes(panel.residuals[rows]) * math.sqrt(panel.scope.bars_per_year)
    sharpes[panel.activity[rows] == 0.0] = np.nan
    training = TrainingSlice(sharpes, panel.betas[rows], panel.activity[rows])
    neighbours = find_neighbours(points)
    place = choose(training, neighbours, "plateau")
    centre = parameters[place if place is not None else 0]
    return ParameterMap(
        heat_map=HeatMap.of(parameters, sharpes, centre),
        points=len(rows),
        plateau=None if place is None else centre,
        plateau_sharpe=None
        if place is None
        else float(score(training, neighbours, "plateau")[place]),
    )
