"""One portfolio over its window: its account, what it is compared with, and the luck in it."""

from dataclasses import dataclass, field

import numpy as np

from engine.account.market import AccountMarket
from engine.account.outcome import AccountOutcome
from engine.account.rules import AccountRules, ExposureLimits, Ranker
from engine.account.simulation import simulate_account
from engine.costs import DAYS_PER_YEAR, CostModel
from engine.errors import UnusableBarsError
from research.portfolio.calendar import find_rebalances
from research.portfolio.definition import PortfolioDefinition
from research.portfolio.exposure import Breach, find_breaches
from research.portfolio.priority import build_rank
from research.portfolio.priority_luck import PriorityLuck, measure_priority_luck
from research.portfolio.sizing import build_weigher
from research.portfolio.universe import PortfolioUniverse
from strategies.base import Floats


@dataclass(frozen=True, eq=False)
class Portfolio:
    """A simulated portfolio.

    Parameters
    ----------
    outcome
        Of its account.
    sectors
        Of each of its symbols, "" where none is known.
    bars_per_year
        For what is per year.
    costs
        What its fills were charged.
    risk_free
        What cash earns on each bar, shape (D,).
    universe
        Returns of the equal-weight universe on its days, shape (D,).
    benchmark
        Returns of the symbol that it is compared with, shape (D,); None without one.
    doubled_costs
        Its curve at twice the costs, shape (D,).
    luck
        What other orders of the entries would have made; None where nothing was missed.
    breaches
        Where a limit did not hold; none in an account that is right.
    """

    definition: PortfolioDefinition
    outcome: AccountOutcome
    sectors: list[str]
    bars_per_year: float
    costs: CostModel
    risk_free: Floats = field(repr=False)
    universe: Floats = field(repr=False)
    benchmark: Floats | None = field(repr=False)
    doubled_costs: Floats = field(repr=False)
    luck: PriorityLuck | None
    breaches: list[Breach]

    @property
    def market(self) -> AccountMarket:
        """What it trades."""
        return self.outcome.market


def simulate_portfolio(
    definition: PortfolioDefinition, universe: PortfolioUniverse, *, orders: int = 60
) -> Portfolio:
    """Return a portfolio on what a run trades.

    Parameters
    ----------
    orders
        Random orders of the entries that are tried where some were missed; 0 for none.

    Raises
    ------
    UnusableBarsError
        When none of its symbols has bars.
    UnbalancedAccountError
        When cash and positions are not its equity on some day.
    MissingPackageError
        When its sizes need an optimizer that is not installed.
    """
    columns = universe.find_columns(definition)
    if not len(columns):
        raise UnusableBarsError(f"None of its symbols ({', '.join(definition.symbols)}) has bars.")
    market = universe.market
    if len(columns) < len(market.symbols):
        market = market.select(columns)
    targets, costs = universe.find_targets(definition, columns), universe.find_costs(definition)
    sectors = [universe.sectors.get(one, "") for one in market.symbols]
    strengths = universe.find_strengths(definition, columns)
    rank = build_rank(definition, market, targets, strengths)
    rules = build_rules(definition, market, universe.bars_per_year, sectors, rank)
    outcome = simulate_account(market, targets, rules, costs)
    outcome.check(definition.name)
    dear = simulate_account(market, targets, rules, costs.scaled(2.0))
    dates, per_year = outcome.dates, universe.bars_per_year
    risk_free = _find_risk_free(costs, outcome)
    luck = None
    if orders and outcome.counts.missed:
        luck = measure_priority_luck(market, targets, rules, costs, risk_free, per_year, orders)
    return Portfolio(
        definition,
        outcome,
        sectors,
        per_year,
        costs,
        risk_free,
        universe.equal_weight.returns_on(dates),
        _find_benchmark(universe, definition.benchmark),
        dear.curve,
        luck,
        find_breaches(outcome, rules),
    )


def build_rules(
    definition: PortfolioDefinition,
    market: AccountMarket,
    bars_per_year: float,
    sectors: list[str],
    rank: Ranker,
) -> AccountRules:
    """Return how an account follows a definition."""
    weigher = build_weigher(definition, market, bars_per_year)
    calendar = definition.rebalance != "on_signal"
    return AccountRules(
        capital=definition.capital,
        weigher=weigher,
        rank=rank,
        slots=definition.most_positions or len(market.symbols),
        rebalance=find_rebalances(market, definition.rebalance),
        on_signal=not (weigher.joint and calendar),
        band=definition.no_trade_band,
        minimum_fill=definition.minimum_fill,
        limits=_build_limits(definition, sectors),
    )


def _build_limits(definition: PortfolioDefinition, sectors: list[str]) -> ExposureLimits:
    given = definition.limits
    numbers = None
    if given.max_sector_weight is not None:
        _, numbers = np.unique(np.array(sectors), return_inverse=True)
    return ExposureLimits(
        weight=given.max_weight,
        gross=given.max_gross,
        net_low=given.min_net,
        net_high=given.max_net,
        sector_weight=1.0 if given.max_sector_weight is None else given.max_sector_weight,
        sectors=numbers,
    )


def _find_risk_free(costs: CostModel, outcome: AccountOutcome) -> Floats:
    """Return what cash earns from each close to the next bar; 0 on the first bar."""
    rates = costs.find_cash_rates(outcome.dates)
    days = np.diff(outcome.dates).astype(np.float64)
    return np.append(0.0, rates[:-1] * days / DAYS_PER_YEAR)


def _find_benchmark(universe: PortfolioUniverse, symbol: str | None) -> Floats | None:
    close = universe.find_close(symbol) if symbol else None
    if close is None:
        return None
    returns = np.zeros(len(close))
    known = close[:-1] > 0
    returns[1:][known] = close[1:][known] / close[:-1][known] - 1.0
    return returns
