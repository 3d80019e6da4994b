"""How much of the equity goes into each position, from returns before the decision only."""

from dataclasses import dataclass, field

import numpy as np

from engine.account.market import AccountMarket
from engine.account.rules import EqualSlots, Weigher
from research.portfolio.definition import (
    OPTIMIZED,
    PortfolioDefinition,
    require_optimizers,
)
from strategies.base import Floats, Ints

LEAST_RETURNS = 20
"""Returns that a volatility is of at least: a symbol with fewer is not held yet."""


@dataclass(frozen=True, eq=False)
class PastReturns:
    """The returns of symbols up to a close.

    Parameters
    ----------
    lookback
        The most of them.
    bars_per_year
        For volatilities per year.
    """

    market: AccountMarket = field(repr=False)
    lookback: int
    bars_per_year: float

    def read(self, bar: int, symbols: Ints) -> Floats:
        """Return the last returns from close to close, NaN before the first bar, (lookback, n)."""
        closes = self.market.close[max(bar - self.lookback, 0) : bar + 1][:, symbols]
        with np.errstate(divide="ignore", invalid="ignore"):
            returns = closes[1:] / closes[:-1] - 1.0
        returns[closes[:-1] == 0] = np.nan
        return returns

    def measure_volatility(self, bar: int, symbols: Ints) -> Floats:
        """Return the volatility per year, NaN where it is unknown or 0, shape (n,)."""
        returns = self.read(bar, symbols)
        known = np.isfinite(returns)
        count = np.count_nonzero(known, axis=0)
        enough = count >= LEAST_RETURNS
        filled = np.where(known, returns, 0.0)
        some = np.maximum(count, 2)
        mean = filled.sum(axis=0) / some
        square = (np.where(known, filled - mean, 0.0) ** 2).sum(axis=0) / (some - 1)
        volatility = np.sqrt(square * self.bars_per_year)
        return np.where(enough & (volatility > 0), volatility, np.nan)


@dataclass(frozen=True, eq=False)
class EqualWeights:
    """`gross` of the equity, in equal parts of all positions."""

    gross: float
    joint: bool = True
    unit: float | None = None

    def weigh(self, bar: int, symbols: Ints, targets: Floats) -> Floats:  # noqa: ARG002
        """Return targets in proportion."""
        return self.gross * targets / np.abs(targets).sum()


@dataclass(frozen=True, eq=False)
class InverseVolatility:
    """`gross` of the equity, each position in proportion to 1 / volatility."""

    past: PastReturns
    gross: float
    joint: bool = True
    unit: float | None = None

    def weigh(self, bar: int, symbols: Ints, targets: Floats) -> Floats:
        """Return targets / volatility in proportion; 0 where it is unknown."""
        weights = np.nan_to_num(targets / self.past.measure_volatility(bar, symbols))
        total = np.abs(weights).sum()
        return self.gross * weights / total if total else weights


@dataclass(frozen=True, eq=False)
class PositionVolatility:
    """Each position so large that it has a volatility of `volatility` per year by itself."""

    past: PastReturns
    volatility: float
    joint: bool = False
    unit: float | None = None

    def weigh(self, bar: int, symbols: Ints, targets: Floats) -> Floats:
        """Return targets * volatility wanted / volatility of the symbol; 0 where it is unknown."""
        return np.nan_to_num(targets * self.volatility / self.past.measure_volatility(bar, symbols))


@dataclass(frozen=True, eq=False)
class PortfolioVolatility:
    """Weights by inverse volatility, scaled to `volatility` per year of the whole.

    Not beyond `gross` of the equity: of quiet positions the whole has less.
    """

    past: PastReturns
    volatility: float
    gross: float
    joint: bool = True
    unit: float | None = None

    def weigh(self, bar: int, symbols: Ints, targets: Floats) -> Floats:
        """Return the weights of inverse volatility * wanted / sqrt(w' covariance w).

        The covariance is that of the days on which all of them have a return: those of the symbol
        with the fewest, which are at least `LEAST_RETURNS`.
        """
        weights = InverseVolatility(self.past, self.gross).weigh(bar, symbols, targets)
        held = weights != 0
        returns = self.past.read(bar, symbols)[:, held]
        common = np.isfinite(returns).all(axis=1)
        # The deviation of the weighted sum is the root of w' covariance w, in one pass.
        daily = (returns[common] * weights[held]).sum(axis=1)
        whole = np.std(daily, ddof=1) * np.sqrt(self.past.bars_per_year) if held.any() else 0.0
        return weights * min(1.0, self.volatility / whole) if whole > 0 else weights


def build_weigher(
    definition: PortfolioDefinition, market: AccountMarket, bars_per_year: float
) -> Weigher:
    """Return the sizes of a definition.

    Raises
    ------
    MissingPackageError
        Where they are an optimizer's, which is not installed.
    """
    past = PastReturns(market, definition.lookback, bars_per_year)
    gross = definition.limits.max_gross
    sizing = definition.sizing
    if sizing in OPTIMIZED:
        from research.portfolio.optimizers import OptimizedWeights

        require_optimizers(sizing)
        return OptimizedWeights(sizing, past, gross, definition.limits.max_weight)
    if definition.position_volatility is not None:
        return PositionVolatility(past, definition.position_volatility)
    if definition.portfolio_volatility is not None:
        return PortfolioVolatility(past, definition.portfolio_volatility, gross)
    if sizing == "inverse_volatility":
        return InverseVolatility(past, gross)
    return EqualWeights(gross) if sizing == "equal_weight" else EqualSlots(definition.slots)
