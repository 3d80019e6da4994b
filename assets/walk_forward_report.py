"""What the Dagster UI shows of a walk-forward: what was chosen, why, and what became of it."""

from collections.abc import Mapping
from typing import Any

import dagster as dg
import numpy as np
import polars as pl

from assets.markdown import render_markdown
from assets.research_assets import list_failures
from strategies.base import Floats
from strategies.parameters import describe_parameters

_FACTS = (
    "protocol", "points", "changes", "activity", "symbols",
    "residual_sharpe_ratio", "mean_in_sample_sharpe_ratio",
)  # fmt: skip
_SCHEMA = pl.Schema(
    {
        "test": pl.String(),
        "trained on": pl.String(),
        "parameters": pl.String(),
        "in sample": pl.Float64(),
        "out of sample": pl.Float64(),
        "why": pl.String(),
    }
)


def describe_metadata(stored: Mapping[str, Any], path: str, trial: str) -> dict[str, Any]:
    """Return the metadata of a walk-forward from what its file says."""
    folds = stored["folds"]
    facts = {name: stored[name] for name in _FACTS}
    return {
        **{name: value for name, value in facts.items() if value is not None},
        "folds": len(folds),
        "out_of_sample": f"{stored['out_of_sample_start']} to {stored['out_of_sample_end']}",
        "choices": dg.MetadataValue.md(render_markdown(build_table(folds))),
        **list_failures(stored["failures"]),
        "path": dg.MetadataValue.path(path),
        "trial": trial,
    }


def describe_paths(sharpes: Floats | None) -> dict[str, Any]:
    """Return the metadata of combinatorial paths: how their Sharpe ratios per year spread."""
    if sharpes is None:
        return {}
    known = sharpes[np.isfinite(sharpes)]
    quantiles = np.quantile(known, (0.0, 0.25, 0.5, 0.75, 1.0)) if len(known) else []
    names = ("lowest", "lower quartile", "median", "upper quartile", "highest")
    rows = {name: [float(one)] for name, one in zip(names, quantiles, strict=False)}
    return {
        "paths": len(sharpes),
        "paths_below_zero": int((known < 0.0).sum()),
        "path_sharpe_ratios": dg.MetadataValue.md(render_markdown(pl.DataFrame(rows))),
    }


def build_table(folds: list[Mapping[str, Any]]) -> pl.DataFrame:
    """Return one row per fold; Sharpe ratios are of residuals, per year."""
    rows = [
        {
            "test": f"{one['test_start']} to {one['test_end']}",
            "trained on": f"{one['train_start']} to {one['train_end']}",
            "parameters": describe_parameters(one["parameters"]),
            "in sample": one["in_sample_sharpe_ratio"],
            "out of sample": one["out_of_sample_sharpe_ratio"],
            "why": one["why"],
        }
        for one in folds
    ]
    return pl.DataFrame(rows, schema=_SCHEMA)
