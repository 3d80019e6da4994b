"""How often verdicts and criteria were wrong, and how often they found what is there."""

import math
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np

from research.calibration.simulated_universe import SimulatedVerdicts, list_points, list_rules
from research.verdicts.hedge import Hedge
from research.verdicts.strategy_verdict import StrategyVerdict
from research.verdicts.verdict import Verdict
from strategies.base import Floats

PROMISING, DEPLOYABLE = "promising", "deployable"
CRITERIA = (
    "naive PSR",
    "DSR",
    "PBO < 0.5",
    "grid",
    "best point",
    "selection",
    "walk-forward",
)
"""What would be found by one criterion alone; the first three decide nothing."""

_BARS_PER_YEAR = 252.0
_CONFIDENCE = 0.95


@dataclass
class CaseRates:
    """Counts over the universes of one case.

    Attributes
    ----------
    names
        The strategies that were tried; by default those that fit no model.
    universes
        How many were drawn.
    found
        In how many of them any strategy passed, by verdict and criterion.
    promising
        The promising strategies of each universe.
    means, variances
        Sums over universes of those of each point per bar, by hedge, shape (N,).
    """

    names: tuple[str, ...] = field(default_factory=list_rules)
    universes: int = 0
    found: Counter[str] = field(default_factory=Counter)
    promising: list[tuple[str, ...]] = field(default_factory=list)
    means: dict[Hedge, Floats] = field(default_factory=dict)
    variances: dict[Hedge, Floats] = field(default_factory=dict)

    def add(self, one: SimulatedVerdicts) -> None:
        """Count one universe."""
        self.universes += 1
        self.found.update({name for verdict in one.verdicts for name in _list_passed(verdict)})
        above = [v.strategy for v in one.verdicts if v.verdict is not Verdict.REJECTED]
        self.promising.append(tuple(above))
        for hedge in Hedge:
            self.means[hedge] = self.means.get(hedge, 0.0) + one.means[hedge]
            self.variances[hedge] = self.variances.get(hedge, 0.0) + one.variances[hedge]

    def rate(self, name: str) -> float:
        """Return the share of universes in which any strategy passed."""
        return self.found[name] / self.universes

    def error(self, name: str) -> float:
        """Return the standard error of a rate; of one that is 0 or 1, that of one in n + 2."""
        count, total = self.found[name], self.universes
        share = count / total if 0 < count < total else (count + 1) / (total + 2)
        return math.sqrt(share * (1.0 - share) / total)

    def true_sharpes(self, hedge: Hedge) -> dict[str, float]:
        """Return the highest true Sharpe ratio per year of each strategy's points.

        Mean over deviation of the hedged curve, both over all universes: what a point earns on
        average, and not what the luckiest one seems to earn in each of them.
        """
        spread = np.sqrt(self.variances[hedge] / self.universes)
        mean = self.means[hedge] / self.universes
        sharpes = np.divide(mean, spread, out=np.zeros_like(mean), where=spread > 0.0)
        found, first = {}, 0
        for name, points in list_points(self.names).items():
            found[name] = float(sharpes[first : first + len(points)].max()) * _BARS_PER_YEAR**0.5
            first += len(points)
        return found

    def false_discoveries(self) -> float:
        """Return the share of universes in which a strategy is promising that earns nothing."""
        earning = {
            name
            for hedge in Hedge
            for name, sharpe in self.true_sharpes(hedge).items()
            if sharpe > 0.0
        }
        return sum(bool(set(one) - earning) for one in self.promising) / self.universes


def _list_passed(verdict: StrategyVerdict) -> Iterator[str]:
    """Yield the verdict and the criteria that one strategy passed, each criterion by itself."""
    if verdict.verdict is not Verdict.REJECTED:
        yield PROMISING
    if verdict.verdict is Verdict.DEPLOYABLE:
        yield DEPLOYABLE
    best = verdict.best
    passed = (
        best is not None and best.psr >= _CONFIDENCE,
        best is not None and best.dsr >= _CONFIDENCE,
        verdict.overfitting is not None and verdict.overfitting < 0.5,  # noqa: PLR2004
        verdict.grid.passed,
        verdict.best_point.passed,
        verdict.selection.passed,
        verdict.walk_forward.passed,
    )
    yield from (name for name, one in zip(CRITERIA, passed, strict=True) if one)
