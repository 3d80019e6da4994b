"""What makes a fill's price worse than the market's: spread, slippage and impact.

Each gives a fraction of the price. A composition adds them up, and limits their sum to
`MOST_ADVERSE`: a fill is never at less than half of the market's price, nor above one and a half.
"""

from dataclasses import dataclass
from typing import ClassVar, Self

from engine.costs.model import FillMarket
from engine.costs.part import CostPart, number
from engine.costs.words import say_amount, say_percent
from engine.errors import InvalidSettingsError
from strategies.base import Floats

MOST_ADVERSE = 0.5
COLUMN = "half_spread"
_LARGEST = 0.499
_BASIS_POINT = 1e-4


@dataclass(frozen=True)
class HalfSpread(CostPart):
    """Half of the difference between ask and bid, paid by every fill: price * (1 +- half-spread).

    Source: Harris (2003), "Trading and Exchanges", chapter 14: a market order pays half of the
    quoted spread against the middle.

    Parameters
    ----------
    basis_points
        Of the price: 2 is 0.02 %.
    column
        ``half_spread``: the fraction of the price that the data has for each bar, in
        `engine.history.History.half_spread`. Either this or `basis_points`.
    multiple
        What it is multiplied by.
    """

    model: ClassVar[str] = "half_spread"

    basis_points: float | None = number(None, below=MOST_ADVERSE / _BASIS_POINT)
    column: str | None = None
    multiple: float = number(1.0)

    def __post_init__(self) -> None:
        """Refuse both or none of the numbers, and columns that there are not."""
        super().__post_init__()
        if (self.basis_points is None) == (self.column is None):
            raise InvalidSettingsError(f"costs: {self.model} needs either basis_points or column.")
        if self.column not in (None, COLUMN):
            raise InvalidSettingsError(
                f"costs: {self.model} has column {self.column!r}; allowed: {COLUMN}."
            )

    def measure(self, market: FillMarket) -> Floats:
        """Return the fraction of the price; NaN where the column has none."""
        import numpy as np

        if self.basis_points is None:
            return self.multiple * market.half_spread
        return np.full(np.shape(market.price), self.multiple * self.basis_points * _BASIS_POINT)

    def scaled(self, factor: float) -> Self:
        """Return it with the multiple multiplied."""
        return type(self)(self.basis_points, self.column, factor * self.multiple)

    def describe(self) -> str:
        """Return the basis points, or that they are in the data."""
        if self.basis_points is None:
            times = "" if self.multiple == 1.0 else f"{say_amount(self.multiple)} times "
            return f"{times}the half-spread of the data"
        return f"half-spread {say_amount(self.multiple * self.basis_points)} bp"


@dataclass(frozen=True)
class Slippage(CostPart):
    """A fraction by which each fill is worse than the market: price * (1 +- `fraction`).

    Source: vectorbt Portfolio.from_signals, its ``slippage``.

    Parameters
    ----------
    fraction
        Of the price: 0.001 is 0.1 %.
    """

    model: ClassVar[str] = "slippage"

    fraction: float = number(below=MOST_ADVERSE)

    def measure(self, market: FillMarket) -> Floats:
        """Return the fraction."""
        import numpy as np

        return np.full(np.shape(market.price), self.fraction)

    def scaled(self, factor: float) -> Self:
        """Return it with the fraction multiplied."""
        return type(self)(min(factor * self.fraction, _LARGEST))

    def describe(self) -> str:
        """Return the fraction in percent."""
        return f"slippage {say_percent(self.fraction)}"


@dataclass(frozen=True)
class SquareRootImpact(CostPart):
    """Impact by the square-root law: price * (1 +- `coefficient` * volatility * sqrt(share)).

    The share is size / volume of the fill's bar. No more than `volume_share` of that volume fills;
    the rest of an entry is cancelled, the rest of an exit is left on the following bars. Volatility
    is the daily one of the bars before the fill's. Without volume or volatility (both unknown, as
    of exchange rates) there is no impact.

    The volume of the bar is not known when an order is sized: sizes are decided with the impact
    that `volume_share` allows, which is the highest, and what was reserved for it stays in cash.

    Source: Almgren, Thum, Hauptmann and Li (2005), "Direct Estimation of Equity Market Impact";
    Toth et al. (2011), "Anomalous Price Impact and the Critical Nature of Liquidity in Financial
    Markets": exponent one half, coefficient about 1.

    Parameters
    ----------
    coefficient
        About 1 by measurement; 0 for the cap alone.
    volume_share
        Most of a bar's volume that fills.
    """

    model: ClassVar[str] = "square_root_impact"

    coefficient: float = number(1.0)
    volume_share: float = number(0.1, above=0.0, below=1.0)

    def measure(self, market: FillMarket, size: Floats) -> Floats:
        """Return the fraction of the price for fills of a size; 0 where it is unknown."""
        import numpy as np

        known = (market.volume > 0) & ~np.isnan(market.volatility)
        share = np.divide(size, market.volume, out=np.zeros(np.shape(size)), where=known)
        return self.coefficient * np.where(known, market.volatility, 0.0) * np.sqrt(share)

    def bound(self, market: FillMarket) -> Floats:
        """Return the highest fraction that the cap allows; 0 where it is unknown."""
        import numpy as np

        unknown = np.isnan(market.volatility) | np.isnan(market.volume)
        highest = self.coefficient * market.volatility * np.sqrt(self.volume_share)
        return np.where(unknown, 0.0, highest)

    def limit(self, market: FillMarket) -> Floats:
        """Return the most shares that fill on a bar; infinite where the volume is unknown."""
        import numpy as np

        return np.where(np.isnan(market.volume), np.inf, self.volume_share * market.volume)

    def scaled(self, factor: float) -> Self:
        """Return it with the coefficient multiplied, and the same cap."""
        return type(self)(factor * self.coefficient, self.volume_share)

    def describe(self) -> str:
        """Return the law and the cap."""
        cap = f"at most {say_percent(self.volume_share)} of a bar's volume"
        if not self.coefficient:
            return cap
        return f"impact {say_amount(self.coefficient)} x volatility x sqrt(volume share), {cap}"
