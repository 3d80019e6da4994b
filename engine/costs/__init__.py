"""What trading costs: the one place that knows, for fills, sizes, equity and metrics alike.

Here: models of fees, spread, slippage, impact, borrowing, interest and lots, their composition, and
how it is written in settings and said in words.
Not here: when something fills (engine.positions), and accounts (engine.simulation).
"""

from engine.costs.composition import (
    MODELS,
    ComposedCosts,
    compose_costs,
    find_first_rate,
    parse_costs,
    uses_spread_column,
)
from engine.costs.description import describe_costs
from engine.costs.estimate import estimate_growth
from engine.costs.model import DAYS_PER_YEAR, CostModel, FillMarket, accrue
from engine.costs.part import CostPart
from engine.costs.percentage import PercentageCosts, RoundTrips, Settlement
from engine.costs.prices import MOST_ADVERSE

__all__ = [
    "DAYS_PER_YEAR",
    "MODELS",
    "MOST_ADVERSE",
    "ComposedCosts",
    "CostModel",
    "CostPart",
    "FillMarket",
    "PercentageCosts",
    "RoundTrips",
    "Settlement",
    "accrue",
    "compose_costs",
    "describe_costs",
    "estimate_growth",
    "find_first_rate",
    "parse_costs",
    "uses_spread_column",
]
