"""Costs that are composed of parts, at most one of each model."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Any, Self

from engine.costs.fees import Percentage, PerOrder, PerShare
from engine.costs.holding import Borrow, CashInterest, Lots
from engine.costs.model import CostModel, FillMarket
from engine.costs.part import CostPart
from engine.costs.prices import MOST_ADVERSE, HalfSpread, Slippage, SquareRootImpact
from engine.errors import InvalidSettingsError
from strategies.base import Floats, Ints
from strategies.errors import did_you_mean

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

MODELS: dict[str, type[CostPart]] = {
    one.model: one
    for one in (
        Percentage, PerShare, PerOrder, HalfSpread, Slippage, SquareRootImpact, Borrow,
        CashInterest, Lots,
    )
}  # fmt: skip
"""By name, in the order in which they are stored and said."""


@dataclass(frozen=True)
class ComposedCosts(CostModel):
    """Fees that are added up, prices that become worse by all parts together, and rates.

    A part that is None costs nothing. Fees of a fill: those of its value, of its shares and of the
    order. Price of a fill: market * (1 + side * fraction), the fraction being the sum of
    half-spread, slippage and impact, at most `engine.costs.prices.MOST_ADVERSE`.
    """

    percentage: Percentage | None = None
    per_share: PerShare | None = None
    per_order: PerOrder | None = None
    half_spread: HalfSpread | None = None
    slippage: Slippage | None = None
    square_root_impact: SquareRootImpact | None = None
    borrow: Borrow | None = None
    cash_interest: CashInterest | None = None
    lots: Lots | None = None

    @classmethod
    def of(cls, parts: Sequence[CostPart]) -> Self:
        """Return the composition of some parts, each of another model."""
        named: dict[str, Any] = {one.model: one for one in parts}
        return cls(**named)

    @property
    def parts(self) -> tuple[CostPart, ...]:
        """Those that there are, in the order of `MODELS`."""
        return tuple(one for name in MODELS if (one := getattr(self, name)) is not None)

    def price_fill(self, market: FillMarket, side: Ints, size: Floats) -> Floats:
        """Return market * (1 + side * fraction)."""
        impact = self.square_root_impact
        moved = self._worsen_any(market) + (impact.measure(market, size) if impact else 0.0)
        return _move(market.price, side, moved)

    def bound_price(self, market: FillMarket, side: Ints) -> Floats:
        """Return that of a purchase with the most impact, and of a sale with none."""
        import numpy as np

        impact = self.square_root_impact
        most = np.where(side > 0, impact.bound(market), 0.0) if impact else 0.0
        return _move(market.price, side, self._worsen_any(market) + most)

    def charge_fees(self, size: Floats, price: Floats) -> Floats:
        """Return the sum of the fees."""
        import numpy as np

        charged = np.zeros(np.shape(size))
        for part in (self.percentage, self.per_share, self.per_order):
            if part is not None:
                charged = charged + part.charge(size, price)
        return charged

    def size_position(self, capital: Floats, price: Floats) -> Floats:
        """Return the shares whose value and fees are the capital.

        Fees grow with the size in stretches, each of which is a straight line: one where the rate
        per share counts, one with the minimum, and one with the maximum.
        """
        import numpy as np

        capital = np.maximum(capital - (self.per_order.amount if self.per_order else 0.0), 0.0)
        value = price * (1.0 + (self.percentage.rate if self.percentage else 0.0))
        per_share = self.per_share
        if per_share is None:
            return capital / value
        by_rate = capital / (value + per_share.rate)
        by_minimum = np.maximum(capital - per_share.minimum, 0.0) / value
        size = np.minimum(by_rate, by_minimum)
        if per_share.maximum is None:
            return size
        return np.maximum(size, capital / (value + per_share.maximum * price))

    def limit_size(self, market: FillMarket) -> Floats:
        """Return the share of the bar's volume that the impact's cap allows."""
        impact = self.square_root_impact
        return super().limit_size(market) if impact is None else impact.limit(market)

    def round_size(self, size: Floats) -> Floats:
        """Return whole lots."""
        return size if self.lots is None else self.lots.round(size)

    @property
    def borrow_rate(self) -> float:
        """Fee per year on the value of shorts."""
        return 0.0 if self.borrow is None else self.borrow.rate

    def find_cash_rates(self, dates: "NDArray[np.datetime64]") -> Floats:
        """Return the interest per year on each day."""
        if self.cash_interest is None:
            return super().find_cash_rates(dates)
        return self.cash_interest.find_rates(dates)

    def scaled(self, factor: float) -> "ComposedCosts":
        """Return the composition of the parts with what they charge multiplied."""
        return ComposedCosts.of([part.scaled(factor) for part in self.parts])

    def describe(self) -> str:
        """Return the parts in words."""
        return ", ".join(part.describe() for part in self.parts)

    def _worsen_any(self, market: FillMarket) -> Floats:
        """Return the fraction by which fills of any size are worse."""
        import numpy as np

        worse = np.zeros(np.shape(market.price))
        for part in (self.half_spread, self.slippage):
            if part is not None:
                worse = worse + part.measure(market)
        return worse


def parse_costs(given: Any) -> tuple[CostPart, ...]:
    """Return the parts that settings describe, in the order of `MODELS`.

    Parameters
    ----------
    given
        A list of parts: each a mapping with the name of its ``model`` and its numbers, or a
        `CostPart`.

    Raises
    ------
    InvalidSettingsError
        For what is no such list, a model that is unknown or named twice, and numbers that it does
        not allow.
    """
    if isinstance(given, (str, Mapping)) or not isinstance(given, Sequence) or not given:
        raise InvalidSettingsError(
            f'costs is {given!r}; needed: a list such as [{{"model": "per_order", "amount": 1}}].'
        )
    parts = [one if isinstance(one, CostPart) else _parse_part(one) for one in given]
    names = [one.model for one in parts]
    for name in names:
        if names.count(name) > 1:
            raise InvalidSettingsError(f"costs: {name} is there twice; allowed: once.")
    return tuple(sorted(parts, key=lambda one: list(MODELS).index(one.model)))


def compose_costs(given: Any) -> ComposedCosts:
    """Return the composition that settings describe; see `parse_costs`."""
    return ComposedCosts.of(parse_costs(given))


def find_first_rate(given: Sequence[Any]) -> date | None:
    """Return the first day of the dated rates of cash among parts; None without dated rates."""
    dated = (one.rates for one in given if isinstance(one, CashInterest) and one.rates)
    return next((rates[0][0] for rates in dated), None)


def uses_spread_column(given: Sequence[Any]) -> bool:
    """Return whether parts take half-spreads of a column of the data."""
    spreads = (one for one in given if isinstance(one, HalfSpread))
    return any(one.column is not None for one in spreads)


def _parse_part(given: Any) -> CostPart:
    if not isinstance(given, Mapping) or "model" not in given:
        raise InvalidSettingsError(
            f'costs: {given!r} names no model; write {{"model": "per_order", "amount": 1}}.'
        )
    name = given["model"]
    if name not in MODELS:
        raise InvalidSettingsError(
            f"costs: there is no model {name!r}.{did_you_mean(str(name), MODELS)} "
            f"Allowed: {', '.join(MODELS)}."
        )
    return MODELS[name].from_mapping({key: one for key, one in given.items() if key != "model"})


def _move(price: Floats, side: Ints, fraction: Floats) -> Floats:
    import numpy as np

    return price * (1.0 + side * np.minimum(fraction, MOST_ADVERSE))
