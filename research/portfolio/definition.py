"""What a portfolio is: which strategies it trades, on what, how large, and within which limits.

Light to import: the assets of portfolios are made from definitions.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from importlib.util import find_spec
from typing import Any

from engine.errors import MissingPackageError
from research.natural_key import canonical_json

SIZINGS = (
    *("equal_slots", "equal_weight", "inverse_volatility", "volatility_target"),
    *("min_variance", "risk_parity", "hierarchical_risk_parity"),
)
"""How much of the equity goes into each position; see docs/portfolios.md."""

OPTIMIZED = SIZINGS[-3:]
"""Those that need the optional packages `optimizers`."""

CALENDARS = ("on_signal", "daily", "weekly", "monthly")
STRENGTH, MOMENTUM, UNIVERSE = PRIORITIES = ("strength", "momentum", "universe")
"""Which entries come first; see `research.portfolio.priority`."""

SLOTS = 20
"""Where a definition has no other number, and there are so many symbols."""


@dataclass(frozen=True)
class PortfolioLimits:
    """The most that is held, as fractions of the equity, wherever a position is increased.

    Parameters
    ----------
    max_weight
        Of one position.
    max_sector_weight
        Of the positions of one sector; None for no limit.
    max_gross
        Of all positions, longs and shorts added.
    min_net, max_net
        Of longs less shorts.
    max_positions
        Number of positions; None for as many as there are symbols.
    """

    max_weight: float = 1.0
    max_sector_weight: float | None = None
    max_gross: float = 1.0
    min_net: float = -1.0
    max_net: float = 1.0
    max_positions: int | None = None


@dataclass(frozen=True)
class PortfolioDefinition:
    """One portfolio; `research.portfolio.parsing` validates it.

    Parameters
    ----------
    name
        Of its asset and its files.
    strategies
        Share of each strategy in what is wanted of a symbol, by name; together 1.
    symbols
        The part of the universe that is traded; empty for all of it.
    sizing
        One of `SIZINGS`.
    slots
        Of ``equal_slots``: each position has 1 / slots of the equity, and there are at most so
        many. 20 if a file says nothing, or as many as there are symbols if they are fewer.
    position_volatility, portfolio_volatility
        Of ``volatility_target``, one of the two: per year, what each position, or the whole
        account, is to have.
    lookback
        Returns of which volatilities, covariances and momentum are, from close to close.
    rebalance
        One of `CALENDARS`: when all positions are sized again.
    no_trade_band
        Positions whose weight is off by less, as a fraction of the equity, are not resized.
    priority
        One of `PRIORITIES`: which entries come first.
    minimum_fill
        An entry of which less than this share can be paid is missed.
    limits
        Of exposure.
    direction
        long, short or both; None for that of the run.
    costs
        As in run config; None for those of the run.
    capital
        Cash before the first fill, in the currency of the prices.
    benchmark
        A symbol that the account is compared with, besides the equal-weight universe.
    """

    name: str
    strategies: Mapping[str, float]
    symbols: Sequence[str] = ()
    sizing: str = "equal_slots"
    slots: int = SLOTS
    position_volatility: float | None = None
    portfolio_volatility: float | None = None
    lookback: int = 63
    rebalance: str = "on_signal"
    no_trade_band: float = 0.0
    priority: str = STRENGTH
    minimum_fill: float = 0.5
    limits: PortfolioLimits = field(default_factory=PortfolioLimits)
    direction: str | None = None
    costs: Sequence[Mapping[str, Any]] | None = None
    capital: float = 100_000.0
    benchmark: str | None = None

    @property
    def most_positions(self) -> int | None:
        """The most positions at once; None for as many as there are symbols."""
        slots = self.slots if self.sizing == "equal_slots" else None
        known = [one for one in (slots, self.limits.max_positions) if one is not None]
        return min(known) if known else None

    def as_dict(self) -> dict[str, Any]:
        """Return the definition by the names of its keys, fit for JSON."""
        given = {one.name: getattr(self, one.name) for one in fields(self)}
        lists = {"symbols": list(self.symbols), "strategies": dict(self.strategies)}
        costs = None if self.costs is None else [dict(one) for one in self.costs]
        return given | lists | {"limits": dict(vars(self.limits)), "costs": costs}

    def fingerprint(self) -> str:
        """Return what changes with the definition."""
        return canonical_json(self.as_dict())

    def for_strategy(self, strategy: str) -> "PortfolioDefinition":
        """Return the definition applied to one strategy, and named after it."""
        return replace(self, name=strategy, strategies={strategy: 1.0})


def require_optimizers(sizing: str) -> None:
    """Refuse a sizing whose packages are not installed.

    Raises
    ------
    MissingPackageError
        With what installs them.
    """
    if find_spec("skfolio") is None:
        raise MissingPackageError.of(f"sizing: {sizing}", "optimizers")
