"""Weights by skfolio's optimizers, of the returns before the decision only."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from research.portfolio.sizing import LEAST_RETURNS, InverseVolatility, PastReturns
from strategies.base import Floats, Ints


@dataclass(frozen=True, eq=False)
class OptimizedWeights:
    """`gross` of the equity, divided by an optimizer of skfolio between all positions.

    Shorts are positions whose returns have the other sign. A symbol without returns on all of the
    past days, or without variance, gets no weight; where the optimizer finds no weights, those of
    inverse volatility are taken.

    Parameters
    ----------
    sizing
        One of `research.portfolio.definition.OPTIMIZED`.
    most
        The largest weight of one position; where it can't hold for all, equal weights.
    """

    sizing: str
    past: PastReturns
    gross: float
    most: float = 1.0
    joint: bool = True
    unit: float | None = None

    def weigh(self, bar: int, symbols: Ints, targets: Floats) -> Floats:
        """Return signed weights; see `engine.account.rules.Weigher`."""
        returns = self.past.read(bar, symbols) * np.sign(targets)
        weights = np.zeros(len(symbols))
        if len(returns) < LEAST_RETURNS:
            return weights
        # NaN where a return is unknown, which is not above 0.
        some = np.flatnonzero(returns.std(axis=0) > 0)
        if not len(some):
            return weights
        found = self._optimize(returns[:, some])
        if found is None:
            return InverseVolatility(self.past, self.gross).weigh(bar, symbols, targets)
        weights[some] = found
        scaled = weights * targets
        total = np.abs(scaled).sum()
        return self.gross * scaled / total if total else scaled

    def _optimize(self, returns: Floats) -> Floats | None:
        """Return weights, together 1 and none negative; None where there are none."""
        count = returns.shape[1]
        if count == 1:
            return np.ones(1)
        most = self.most / self.gross
        if most * count <= 1.0:
            return np.full(count, 1.0 / count)
        try:
            weights = np.asarray(_build(self.sizing, min(most, 1.0)).fit(returns).weights_)
        except (ValueError, ArithmeticError, RuntimeError):
            return None
        # Solvers leave weights of -1e-12.
        weights = np.maximum(weights, 0.0)
        usable = np.isfinite(weights).all() and weights.sum() > 0
        return weights / weights.sum() if usable else None


def _build(sizing: str, most: float) -> Any:
    """Return the optimizer: variance is the risk of all of them."""
    from skfolio import RiskMeasure
    from skfolio.optimization import (
        HierarchicalRiskParity,
        MeanRisk,
        ObjectiveFunction,
        RiskBudgeting,
    )

    if sizing == "min_variance":
        return MeanRisk(
            objective_function=ObjectiveFunction.MINIMIZE_RISK,
            risk_measure=RiskMeasure.VARIANCE,
            max_weights=most,
        )
    if sizing == "risk_parity":
        return RiskBudgeting(risk_measure=RiskMeasure.VARIANCE, max_weights=most)
    return HierarchicalRiskParity(risk_measure=RiskMeasure.VARIANCE, max_weights=most)
