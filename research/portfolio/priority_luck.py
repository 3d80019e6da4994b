"""What other orders of the entries would have made of an account that could not take them all."""

from dataclasses import dataclass

import numpy as np

from engine.account.market import AccountMarket
from engine.account.priorities import simulate_orders
from engine.account.rules import AccountRules, Targets
from engine.costs import CostModel
from research.portfolio.sharpe_ratio import find_sharpe_ratio
from strategies.base import Floats

SEED = 20
"""The same orders in every run."""


@dataclass(frozen=True)
class PriorityLuck:
    """Returns and Sharpe ratios of one account under random orders of the symbols.

    Parameters
    ----------
    orders
        How many were drawn.
    return_low, return_median, return_high
        Total returns: lowest, median and highest.
    sharpe_low, sharpe_median, sharpe_high
        Sharpe ratios per year beyond cash, as the account's own; NaN if one of the orders has none.
    """

    orders: int
    return_low: float
    return_median: float
    return_high: float
    sharpe_low: float
    sharpe_median: float
    sharpe_high: float


def measure_priority_luck(
    market: AccountMarket,
    targets: Targets,
    rules: AccountRules,
    costs: CostModel,
    risk_free: Floats,
    bars_per_year: float,
    orders: int,
) -> PriorityLuck:
    """Return the spread over random orders of all symbols, each order for the whole window.

    Whatever ranks entries, some order decides who is missed: of signals that are as good as each
    other, the spread is luck.

    Parameters
    ----------
    risk_free
        What cash earns on each bar of the window, shape (D,).
    orders
        How many are drawn.
    """
    random = np.random.default_rng(SEED)
    symbols = np.arange(len(market.symbols), dtype=np.float64)
    places = random.permuted(np.tile(symbols, (orders, 1)), axis=1)
    curves = simulate_orders(market, targets, rules, costs, places).T
    return _describe(curves, rules.capital, risk_free, bars_per_year)


def _describe(
    curves: Floats, capital: float, risk_free: Floats, bars_per_year: float
) -> PriorityLuck:
    before = np.hstack([np.full((len(curves), 1), capital), curves[:, :-1]])
    lost = (curves <= 0).any(axis=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        returns = curves / before - 1.0
    returns[lost] = np.nan
    sharpe = [find_sharpe_ratio(one, risk_free, bars_per_year) for one in returns]
    total = curves[:, -1] / capital - 1.0
    low, middle, high = (float(one) for one in np.quantile(total, [0.0, 0.5, 1.0]))
    ratios = (float(one) for one in np.quantile(sharpe, [0.0, 0.5, 1.0]))
    return PriorityLuck(len(curves), low, middle, high, *ratios)
