"""What portfolios of one run trade: the prices of a universe, and what strategies want of it."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, cast

import numpy as np

from engine.account.market import AccountMarket
from engine.account.rules import Targets
from engine.costs import (
    ComposedCosts,
    CostModel,
    CostPart,
    PercentageCosts,
    compose_costs,
    parse_costs,
    uses_spread_column,
)
from engine.equal_weight import EqualWeight
from engine.errors import UnusableBarsError
from engine.failure import Failure
from engine.history import History, TradedHistory
from engine.orders import require_spread
from engine.settings import BacktestSettings, Window
from research.failures import add_failures
from research.portfolio.definition import STRENGTH, PortfolioDefinition
from research.portfolio.strengths import StrategyStrengths, Strengths
from research.portfolio.targets import Sides, combine_sides, find_sides
from strategies.base import Bools, Floats, Ints, Strategy


@dataclass(frozen=True, eq=False)
class PortfolioUniverse:
    """Everything that the portfolios of a run have in common.

    Parameters
    ----------
    market
        Of all symbols.
    sides
        What each strategy wants, by direction and then strategy, of the window's days.
    settings
        Of the run's backtests: costs and direction, where a definition has none.
    bars_per_year
        For what is per year.
    equal_weight
        The universe that accounts are compared with.
    sectors
        By symbol, as far as they are known.
    failures
        Strategies that failed on a symbol, where they want nothing.
    strengths
        Of the signals of each strategy that has one, and that some definition ranks by it, on the
        window's days.
    """

    market: AccountMarket
    sides: Mapping[str, Mapping[str, Sides]] = field(repr=False)
    settings: BacktestSettings
    bars_per_year: float
    equal_weight: EqualWeight
    sectors: Mapping[str, str] = field(default_factory=dict)
    failures: Sequence[Failure] = ()
    strengths: Mapping[str, Strengths] = field(default_factory=dict, repr=False)

    def find_columns(self, definition: PortfolioDefinition) -> Ints:
        """Return the places of the symbols that a definition trades, in the universe's order."""
        symbols = self.market.symbols
        wanted = set(definition.symbols or symbols)
        return np.array([at for at, one in enumerate(symbols) if one in wanted], dtype=np.int64)

    def find_targets(self, definition: PortfolioDefinition, columns: Ints) -> Targets:
        """Return what a definition's strategies want, 0 before the window, shape (T, S).

        Nothing is wanted of symbols without half-spreads where its costs take them of the data.
        """
        sides = self.sides[definition.direction or self.settings.direction]
        window = combine_sides(sides, definition.strategies)
        targets = np.zeros((len(self.market.dates), len(columns)), dtype=window.dtype)
        targets[self.market.first :] = window[:, columns]
        if uses_spread_column(self._find_cost_parts(definition)):
            targets[:, ~self._have_spread(columns)] = 0
        return cast("Targets", targets)

    def find_strengths(
        self, definition: PortfolioDefinition, columns: Ints
    ) -> list[StrategyStrengths]:
        """Return what each of a definition's strategies says of the symbols in some columns."""
        sides = self.sides[definition.direction or self.settings.direction]
        every = [
            StrategyStrengths(weight, sides[name], self.strengths.get(name))
            for name, weight in definition.strategies.items()
        ]
        if len(columns) == len(self.market.symbols):
            return every
        return [one.select(columns) for one in every]

    def find_costs(self, definition: PortfolioDefinition) -> CostModel:
        """Return the costs of a definition, those of the run where it has none."""
        if definition.costs is None:
            return self.settings.cost_model
        return compose_costs(definition.costs)

    def find_close(self, symbol: str) -> Floats | None:
        """Return the closes of a symbol in the window, 0 before its first; None without bars."""
        if symbol not in self.market.symbols:
            return None
        return self.market.close[self.market.first :, list(self.market.symbols).index(symbol)]

    def _find_cost_parts(self, definition: PortfolioDefinition) -> Sequence[CostPart]:
        """Return the parts of a definition's costs; none where they are percentages."""
        costs = self.find_costs(definition)
        return costs.parts if isinstance(costs, ComposedCosts) else ()

    def _have_spread(self, columns: Ints) -> Bools:
        """Return of which symbols half-spreads are known, shape (n,)."""
        spread = self.market.half_spread
        if spread is None:
            return np.zeros(len(columns), dtype=np.bool_)
        return np.logical_or.reduce(np.isfinite(spread[:, columns]), axis=0)


def build_portfolio_universe(
    histories: Sequence[History],
    definitions: Sequence[PortfolioDefinition],
    strategies: Mapping[str, Strategy],
    settings: BacktestSettings,
    window: Window,
    *,
    equal_weight: EqualWeight,
    bars_per_year: float,
    sectors: Mapping[str, str] | None = None,
) -> PortfolioUniverse:
    """Return what some portfolios trade: each strategy's signals are computed once.

    Parameters
    ----------
    histories
        Each with usable bars in the window.
    strategies
        With their parameters, by name; those of the definitions at least.

    Raises
    ------
    UnusableBarsError
        Without a symbol, or for one that has no usable bars in the window.
    """
    cut = [one.cut_to(window) for one in histories]
    plain = isinstance(settings.cost_model, PercentageCosts)
    market = AccountMarket.of(
        cut,
        window,
        require_volume=settings.require_volume,
        lookback=max((one.lookback for one in definitions), default=0),
        with_quotes=not plain or any(one.costs is not None for one in definitions),
    )
    failures: list[Failure] = []
    wanted: dict[str, set[str]] = {}
    for one in definitions:
        wanted.setdefault(one.direction or settings.direction, set()).update(one.strategies)
    for one in definitions:
        add_failures(failures, _find_missing_spreads(cut, one))
    ranked = {name for one in definitions if one.priority == STRENGTH for name in one.strategies}
    sides: dict[str, Mapping[str, Any]] = {}
    strengths: dict[str, Strengths] = {}
    for direction, names in wanted.items():
        some = [strategies[name] for name in sorted(names)]
        of_direction = replace(settings, direction=direction)
        days = market.dates[market.first :]
        found = find_sides(cut, some, of_direction, days, ranked=ranked)
        sides[direction] = found.sides
        strengths |= found.strengths
        add_failures(failures, found.failures)
    return PortfolioUniverse(
        market, sides, settings, bars_per_year, equal_weight, sectors or {}, failures, strengths
    )


def _find_missing_spreads(
    histories: Sequence[TradedHistory], definition: PortfolioDefinition
) -> Iterator[Failure]:
    """Yield the symbols that a definition can't trade, for its own costs need half-spreads."""
    costs = parse_costs(definition.costs) if definition.costs else ()
    for one in histories:
        if not definition.symbols or one.symbol in definition.symbols:
            try:
                require_spread(one, costs)
            except UnusableBarsError as error:
                yield Failure.of(one.symbol, error)
