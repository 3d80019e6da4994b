"""What the Dagster UI shows of a sweep: its points, the plateau, and a heat map."""

import base64
import json
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import dagster as dg
import numpy as np
import polars as pl

from assets.markdown import render_markdown
from assets.optimization_plot import render_heat_map
from assets.research_assets import list_failures
from assets.research_inputs import ResearchInputs
from assets.sweep_stage import PlannedSweep
from research.heat_map import HeatMap
from research.selection import LEAST_ACTIVITY, TrainingSlice, choose, find_neighbours, score
from resources.run_artifacts.sweep_files import SweepFiles
from strategies.parameters import describe_parameters


@dataclass(frozen=True)
class OptimizationReport:
    """A sweep that is stored, and what is said of it.

    Parameters
    ----------
    drawn
        Whether its points were drawn from a grid, of which most may be missing.
    """

    inputs: ResearchInputs
    sweep: PlannedSweep
    files: SweepFiles
    drawn: bool = False

    def metadata(self) -> dict[str, Any]:
        """Return what the UI shows; nothing is called best without how many were tried."""
        facts = self.files.find(self.sweep.strategy, self.sweep.identity) or {}
        scope, tested = self.inputs.scope, len(self.inputs.specs)
        highest, plateau = self._choose("best"), self._choose("plateau")
        failures = [*map(vars, self.inputs.failures), *facts.get("failures", [])]
        return {
            "points_tried": len(self._points),
            "points_skipped": len(facts.get("skipped", [])),
            "points_that_never_traded": int((self._points["activity"] == 0.0).sum()),
            "symbols": f"{tested} of {len(scope.symbols)}",
            "window": f"{scope.start_date} to {scope.end_date}",
            **self._describe("highest", highest, self._describe_tried()),
            **self._describe("plateau", plateau, self._describe_neighbours(plateau)),
            "median_residual_sharpe_ratio": _number(self._points["residual_sharpe_ratio"].median()),
            **self._draw(plateau),
            **list_failures(failures),
            "path": dg.MetadataValue.path(
                self.files.path(self.sweep.strategy, self.sweep.identity)
            ),
            "scope": str(scope.identifier),
            "sweep": self.sweep.identity,
        }

    @cached_property
    def _points(self) -> pl.DataFrame:
        return self.files.read_points(self.sweep.strategy, self.sweep.identity)

    @cached_property
    def _training(self) -> TrainingSlice:
        sharpes, betas, activity = (
            self._points[name].to_numpy() for name in ("residual_sharpe_ratio", "beta", "activity")
        )
        return TrainingSlice(sharpes, betas, activity)

    @cached_property
    def _neighbours(self) -> Any:
        return find_neighbours(self.sweep.grid.strategies)

    def _choose(self, rule: Any) -> int | None:
        return choose(self._training, self._neighbours, rule)

    def _describe(self, name: str, point: int | None, why: str) -> dict[str, Any]:
        if point is None:
            least = f"{LEAST_ACTIVITY:.0%}"
            return {name: f"none: no point of {len(self._points)} is active on {least} of bars"}
        sharpe = self._points["residual_sharpe_ratio"][point]
        parameters = json.loads(self._points["parameters"][point])
        told = describe_parameters(parameters)
        return {
            name: f"residual Sharpe ratio {sharpe:.2f} per year at {told}; {why}",
            f"{name}_residual_sharpe_ratio": _number(sharpe),
            f"{name}_parameters": dg.MetadataValue.json(parameters),
        }

    def _describe_tried(self) -> str:
        active = int(self._training.candidates.sum())
        tried = f"best of {len(self._points)} points tried"
        return f"{tried}, {active} of them active on {LEAST_ACTIVITY:.0%} of bars or more"

    def _describe_neighbours(self, point: int | None) -> str:
        if point is None:
            return ""
        mean = score(self._training, self._neighbours, "plateau")[point]
        others = int((self._neighbours[point] & self._training.candidates).sum()) - 1
        return f"{mean:.2f} on average with its {others} neighbours"

    def _draw(self, plateau: int | None) -> dict[str, Any]:
        centre = self.sweep.grid.strategies[plateau if plateau is not None else 0].parameters()
        values = [json.loads(text) for text in self._points["parameters"]]
        sharpes = self._points["residual_sharpe_ratio"].to_numpy()
        heat_map = HeatMap.of(values, sharpes, centre, averaged=self.drawn)
        if heat_map is None:
            return {}
        title = f"{self.sweep.strategy}: residual Sharpe ratio per year, {len(values)} points tried"
        caption = (title, heat_map.describe_others())
        svg = base64.b64encode(render_heat_map(heat_map, caption)).decode()
        return {
            "heat_map": dg.MetadataValue.md(f"![heat map](data:image/svg+xml;base64,{svg})"),
            "heat_map_table": dg.MetadataValue.md(render_markdown(heat_map.table())),
        }


def _number(value: Any) -> float | None:
    return None if value is None or np.isnan(value) else float(value)
