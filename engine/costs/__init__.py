"""What trading costs: the one place that knows, for fills, sizes, equity and metrics alike.

Here: models of fees, spread, slippage, impact, borrowing, interest and lots, their composition, and
how it is written in settings and said in words.
Not here: when something fills (engine.positions), and accounts (engine.simulation).
"""

from engine.costs.estimate import estimate_growth
from engine.costs.model import CostModel, FillMarket, accrue
from engine.costs.percentage import PercentageCosts, RoundTrips, Settlement

__all__ = [
    "CostModel",
    "FillMarket",
    "PercentageCosts",
    "RoundTrips",
    "Settlement",
    "accrue",
    "estimate_growth",
]
