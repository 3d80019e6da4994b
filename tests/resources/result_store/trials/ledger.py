"""Valid scopes and trials for tests, with given changes."""

from datetime import date
from typing import Any

import numpy as np

from research.trials import Trial, TrialScope

START, END = date(2021, 1, 4), date(2021, 1, 15)
DATES = np.arange("2021-01-04", "2021-01-16", dtype="datetime64[D]")[
    [0, 1, 2, 3, 4, 7, 8, 9, 10, 11]
]


def scope(**changes: Any) -> TrialScope:
    """Return a scope of two symbols and ten days."""
    given: dict[str, Any] = {
        "source": "synthetic",
        "symbols": ("AAPL", "MSFT"),
        "data_version": "data-1",
        "universe_version": "universe-1",
        "start_date": START,
        "end_date": END,
        "settings": {"fees": 0.001, "initial_capital": 10000.0, "bars_per_year": None},
        "dates": DATES,
        "market": np.linspace(-0.01, 0.02, 10),
    }
    return TrialScope(**{**given, **changes})


def trial(number: int = 0, **changes: Any) -> Trial:
    """Return a trial of a point of `sma_cross`, with a curve of its own."""
    given: dict[str, Any] = {
        "strategy": "sma_cross",
        "parameters": {"fast_period": 10, "slow_period": 20 + number},
        "code_version": "code-1",
        "protocol": "backtest",
        "tested_symbols": 2,
        "activity": 0.5,
        "beta": 0.25,
        "residual": curve(number),
        "exposure": np.full(10, 0.5, dtype=np.float16),
    }
    return Trial(**{**given, **changes})


def curve(number: int, days: int = 10) -> np.ndarray:
    """Return a curve of noise, another for each number."""
    return np.random.default_rng(number).normal(0.001, 0.01, days).astype(np.float32)
