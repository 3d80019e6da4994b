"""Walk-forward: parameters chosen on the past of each fold, traded on its future, and stitched."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from hashlib import sha256
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.backtest import VectorBTEngine
from engine.equal_weight import EqualWeight
from engine.failure import Failure
from engine.history import History
from engine.settings import Window
from research.fold_choices import FoldChoice, TrialCurves, WalkForwardProtocol, choose_points
from research.natural_key import canonical_json
from research.statistics.moments import compute_sharpes
from research.stitching import stitch
from research.trials import Trial
from strategies.base import Floats, Strategy


@dataclass(frozen=True, eq=False)
class WalkForward:
    """A stitched curve, and the choices behind it.

    Parameters
    ----------
    choices
        By fold.
    dates
        ``datetime64[D]``, shape (T,).
    returns
        Of the one simulation, shape (T,); zeros before the first fold.
    exposure
        As in `research.universe_curves.UniverseCurves`, shape (T,).
    market
        Returns of the equal-weight universe, shape (T,).
    activity
        Share of bars from the first fold on with a return, mean over symbols.
    symbols
        Number of symbols with a result.
    """

    protocol: WalkForwardProtocol
    choices: Sequence[FoldChoice]
    dates: NDArray[np.datetime64]
    returns: Floats
    exposure: Floats
    market: Floats
    activity: float
    symbols: int

    @property
    def out_of_sample(self) -> slice:
        """The bars of all tests, which follow one another."""
        return slice(self.choices[0].fold.test.start, len(self.dates))

    @cached_property
    def residual(self) -> Floats:
        """Returns less the market's part, by the beta of each fold's past, shape (T,)."""
        residual = np.zeros(len(self.dates))
        for choice in self.choices:
            test = choice.fold.test
            residual[test] = self.returns[test] - choice.beta * self.market[test]
        return residual

    @property
    def beta(self) -> float:
        """Mean of the folds' betas, by their bars."""
        bars = [one.fold.test.stop - one.fold.test.start for one in self.choices]
        return float(np.average([one.beta for one in self.choices], weights=bars))

    @property
    def changes(self) -> int:
        """How often a fold traded another point than the one before."""
        points = [one.point for one in self.choices]
        return sum(before != after for before, after in pairwise(points))

    @property
    def sharpe(self) -> float:
        """Sharpe ratio of the residual over all tests, per bar; NaN if undefined."""
        return compute_sharpe(self.residual[self.out_of_sample])

    def out_of_sample_sharpes(self) -> list[float]:
        """Return the Sharpe ratio of the residual in each test, per bar; NaN if undefined."""
        return [compute_sharpe(self.residual[one.fold.test]) for one in self.choices]

    def trial(self, points: Sequence[Strategy], code_version: str) -> Trial:
        """Return what the ledger keeps: one trial, whose parameters say what was chosen from.

        Its residual has zeros before the first fold, and its beta is `beta`: the residual was made
        with the beta of each fold.
        """
        return Trial(
            strategy=points[0].name,
            parameters=describe_grid(points),
            code_version=code_version,
            protocol=self.protocol.name,
            tested_symbols=self.symbols,
            activity=self.activity,
            beta=self.beta,
            residual=self.residual.astype(np.float32),
            exposure=self.exposure.astype(np.float16),
        )


def walk_forward(
    sweeps: Sequence[TrialCurves],
    histories: Iterable[History],
    window: Window,
    engine: VectorBTEngine,
    universe: EqualWeight,
    protocol: WalkForwardProtocol,
) -> tuple[list[WalkForward], list[Failure]]:
    """Return the walk-forward of each sweep, and what could not be tested.

    The curves are those that a person following the protocol would have had: bars that come later
    change no earlier choice and no earlier fill.

    Parameters
    ----------
    sweeps
        Of several strategies on the same universe, window, settings and days.
    histories
        Of the universe, gone through once.

    Raises
    ------
    InvalidFoldsError
        As `WalkForwardFolds.split`.
    """
    dates, market = sweeps[0].dates, sweeps[0].market
    chosen = [choose_points(one, protocol) for one in sweeps]
    starts = dates[[one.fold.test.start for one in chosen[0]]]
    plans = [[one.point for one in choices] for choices in chosen]
    curves, failures = stitch(plans, starts, histories, window, engine, universe)
    returns, exposure = np.zeros((2, len(sweeps), len(dates)))
    _, here, there = np.intersect1d(dates, curves.dates, return_indices=True)
    returns[:, here] = curves.returns[:, there]
    exposure[:, here] = curves.exposure[:, there]
    results = [
        WalkForward(
            protocol,
            choices,
            dates,
            returns[number],
            exposure[number],
            market,
            float(curves.activity[number]),
            int(curves.symbols[number]),
        )
        for number, choices in enumerate(chosen)
    ]
    return results, failures


def describe_grid(points: Sequence[Strategy]) -> dict[str, Any]:
    """Return what identifies the points that were chosen from: their number and a fingerprint."""
    texts = sorted(canonical_json(one.parameters()) for one in points)
    return {"points": len(points), "grid": sha256("\n".join(texts).encode()).hexdigest()[:12]}


def compute_sharpe(residual: Floats) -> float:
    """Return the Sharpe ratio of one curve, per bar; NaN of one bar or without variance."""
    return float(compute_sharpes(residual[np.newaxis])[0]) if len(residual) > 1 else np.nan
