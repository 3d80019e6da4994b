"""Accounts that differ only in who comes first: many at once."""

from dataclasses import dataclass, replace

import numpy as np

from engine.account.book import is_cash_the_limit
from engine.account.columns import Columns, JointColumns, SlotColumns
from engine.account.market import AccountMarket
from engine.account.rules import AccountRules, Targets
from engine.account.simulation import simulate_account
from engine.costs import CostModel, PercentageCosts
from strategies.base import Floats, Ints


@dataclass(frozen=True, eq=False)
class DrawnRank:
    """Ranks that are the same on every bar: the place of each symbol in an order, shape (S,)."""

    places: Floats

    def __call__(self, bar: int, symbols: Ints) -> Floats:  # noqa: ARG002
        """Return the places of symbols."""
        return self.places[symbols]


def simulate_orders(
    market: AccountMarket,
    targets: Targets,
    rules: AccountRules,
    costs: CostModel,
    places: Floats,
) -> Floats:
    """Return the equity at each close of accounts that rank symbols by a given order each.

    They are those of `engine.account.simulation.simulate_account` with `DrawnRank`. Accounts that
    are only long and pay percentages are simulated together if they have equal slots and trade
    signals alone, or weigh all positions at once, with a place for each symbol, a minimum fill and
    no limit of sectors; others one after the other.

    Parameters
    ----------
    places
        The place of each symbol in the order of each account, shape (K, S).

    Returns
    -------
    Floats
        Of the window's bars, shape (D, K).
    """
    columns = _choose_columns(targets, rules)
    if columns is not None and isinstance(costs, PercentageCosts):
        return columns(market, targets, rules, costs, places).run()[market.first :]
    curves = [
        simulate_account(market, targets, replace(rules, rank=DrawnRank(one)), costs).curve
        for one in places
    ]
    return np.stack(curves, axis=1)


def _choose_columns(targets: Targets, rules: AccountRules) -> type[Columns] | None:
    """Return how the accounts are simulated together; None where they are not."""
    if (targets < 0).any():
        return None
    if rules.weigher.joint:
        has_places = rules.slots >= targets.shape[1]
        # Without a minimum, what rounding leaves of cash decides who is held, and so comes first.
        is_steady = rules.minimum_fill > 0 and rules.limits.sectors is None
        return JointColumns if has_places and is_steady else None
    signals_only = rules.on_signal and not rules.rebalance.any() and targets.dtype.kind == "i"
    slots_only = rules.weigher.unit is not None and is_cash_the_limit(rules.limits)
    return SlotColumns if signals_only and slots_only else None
