"""Panels of hand-made trials for tests of verdicts."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid5

import numpy as np

from research.trial_panel import TrialPanel
from research.trials import BACKTEST_PROTOCOL, TrialScope

BARS = 756
MARKET_SEED = 4_242
WALK_FORWARD = "walk_forward anchored 252/63 plateau"


@dataclass(frozen=True, eq=False)
class Tried:
    """A trial of a panel: its residual, and what differs from the others."""

    strategy: str
    residual: np.ndarray
    protocol: str = BACKTEST_PROTOCOL
    activity: float = 0.5
    beta: float = 0.4
    code_version: str = "code-1"
    scope_id: UUID | None = None
    exposure: np.ndarray | float = 0.0


def scope() -> TrialScope:
    """Return a scope of three years of weekdays, whose market rises by 8 % per year."""
    dates = np.busday_offset(np.datetime64("2019-01-02"), np.arange(BARS), roll="forward")
    market = np.random.default_rng(MARKET_SEED).normal(0.0003, 0.01, BARS)
    return TrialScope(
        source="synthetic",
        symbols=("AAPL", "MSFT"),
        data_version="data-1",
        universe_version="universe-1",
        start_date=dates[0].item(),
        end_date=dates[-1].item(),
        settings={"fees": 0.001, "bars_per_year": 252.0},
        dates=dates,
        market=market,
    )


def panel(trials: Sequence[Tried]) -> TrialPanel:
    """Return trials side by side; each is a point of its own."""
    of = scope()
    return TrialPanel(
        scope=of,
        identifiers=[uuid5(of.identifier, str(row)) for row in range(len(trials))],
        scope_ids=[one.scope_id or of.identifier for one in trials],
        strategies=[one.strategy for one in trials],
        parameters=[_point(row) for row in range(len(trials))],
        code_versions=[one.code_version for one in trials],
        protocols=[one.protocol for one in trials],
        tested_symbols=np.full(len(trials), 2),
        activity=np.array([one.activity for one in trials]),
        betas=np.array([one.beta for one in trials]),
        residuals=np.array([one.residual for one in trials], dtype=np.float32),
        exposures=np.array(
            [np.broadcast_to(one.exposure, len(one.residual)) for one in trials], dtype=np.float16
        ),
    )


def _point(row: int) -> Mapping[str, Any]:
    return {"period": row}


def noise(seed: int, yearly: float = 0.0, bars: int = BARS) -> np.ndarray:
    """Return returns with exactly the Sharpe ratio `yearly`, and a deviation of 1 % per bar."""
    drawn = np.random.default_rng(seed).standard_normal(bars)
    drawn = (drawn - drawn.mean()) / drawn.std(ddof=1)
    return 0.01 * (drawn + yearly / 252**0.5)


def grid(
    strategy: str, yearly: float, points: int = 6, seed: int = 0, **changes: Any
) -> list[Tried]:
    """Return points that move together, each with about the Sharpe ratio `yearly`."""
    shared = noise(1_000 + seed, yearly)
    return [
        Tried(strategy, 0.9 * shared + 0.1 * noise(seed + number, yearly), **changes)
        for number in range(points)
    ]


def walked(strategy: str, yearly: float, seed: int = 77, protocol: str = WALK_FORWARD) -> Tried:
    """Return a walk-forward whose first test is after a year; no bar before it has a return."""
    tested = noise(seed, yearly, BARS - 252)
    return Tried(strategy, np.concatenate([np.zeros(252), tested]), protocol)
