"""A walk-forward as plain values: what a file of it says, and people read."""

from collections.abc import Mapping
from datetime import date
from typing import Any

import numpy as np
from numpy.typing import NDArray

from research.fold_choices import FoldChoice
from research.walk_forward import WalkForward


def describe_walk_forward(found: WalkForward, bars_per_year: float) -> dict[str, Any]:
    """Return the choices of a walk-forward and what became of them, fit for JSON.

    Sharpe ratios are of residuals, per year; None where undefined.
    """
    year = np.sqrt(bars_per_year)
    tests = found.out_of_sample_sharpes()
    in_sample = [one.in_sample for one in found.choices]
    known = [one for one in in_sample if np.isfinite(one)]
    return {
        "protocol": found.protocol.name,
        **_describe_days("out_of_sample", found.dates[found.out_of_sample]),
        "residual_sharpe_ratio": _number(found.sharpe * year),
        "mean_in_sample_sharpe_ratio": _number(np.mean(known) * year) if known else None,
        "beta": found.beta,
        "activity": found.activity,
        "symbols": found.symbols,
        "changes": found.changes,
        "folds": [
            _describe_fold(choice, found.dates, year, test)
            for choice, test in zip(found.choices, tests, strict=True)
        ],
    }


def _describe_fold(
    choice: FoldChoice, dates: NDArray[np.datetime64], year: float, test: float
) -> dict[str, Any]:
    return {
        **_describe_days("train", dates[choice.fold.train]),
        **_describe_days("test", dates[choice.fold.test]),
        "parameters": choice.point.parameters(),
        "why": choice.reason,
        "in_sample_sharpe_ratio": _number(choice.in_sample * year),
        "out_of_sample_sharpe_ratio": _number(test * year),
        "beta": choice.beta,
    }


def _describe_days(name: str, days: NDArray[np.datetime64]) -> Mapping[str, str]:
    first, last = (day.isoformat() for day in days[[0, -1]].astype(date))
    return {f"{name}_start": first, f"{name}_end": last}


def _number(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None
