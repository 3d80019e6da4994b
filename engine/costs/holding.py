"""What holding costs and earns: borrowed shares, cash, and the lots that leave cash over."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Any, ClassVar, Self

from engine.costs.part import CostPart, number
from engine.costs.words import say_amount, say_percent
from engine.days import parse_day
from engine.errors import InvalidSettingsError
from strategies.base import Floats

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_ROUNDING = 1e-12


@dataclass(frozen=True)
class Borrow(CostPart):
    """A fee on borrowed shares: value of the shorts at a close * `rate` * calendar days / 365.

    It is taken before the fills of the next bar.
    Source: Interactive Brokers, "Short sale cost": the market's value of the shares, every day.

    Parameters
    ----------
    rate
        Per year: 0.03 is 3 %.
    """

    model: ClassVar[str] = "borrow"

    rate: float = number(below=10.0)

    def scaled(self, factor: float) -> Self:
        """Return it with the rate multiplied."""
        return type(self)(min(factor * self.rate, 9.99))

    def describe(self) -> str:
        """Return the rate per year."""
        return f"borrowing {say_percent(self.rate)} per year"


@dataclass(frozen=True)
class CashInterest(CostPart):
    """Interest on cash: free cash at a close * rate in force * calendar days / 365.

    Free is what does not secure shorts: cash less their value. It is paid before the fills of the
    next bar. The rate is the risk-free one of the Sharpe and Sortino ratios and of alpha as well.
    Source: money-market convention actual/365; Sharpe (1994), "The Sharpe Ratio", for its use.

    Parameters
    ----------
    rate
        Per year: 0.04 is 4 %.
    rates
        By the first day that each is in force, as in ``{"2022-03-17": 0.0025}``; before the first
        of them cash earns nothing. Either this or `rate`.
    """

    model: ClassVar[str] = "cash_interest"

    rate: float | None = number(None, from_=-1.0, below=1.0)
    rates: tuple[tuple[date, float], ...] | None = None

    def __post_init__(self) -> None:
        """Refuse both or none of the rates; sort the dated ones."""
        super().__post_init__()
        if (self.rate is None) == (self.rates is None):
            raise InvalidSettingsError(f"costs: {self.model} needs either rate or rates.")
        if self.rates is not None:
            object.__setattr__(self, "rates", _parse_rates(self.rates))

    def find_rates(self, dates: "NDArray[np.datetime64]") -> Floats:
        """Return the rate in force on each day, shape of `dates`."""
        import numpy as np

        if self.rates is None:
            return np.full(np.shape(dates), self.rate)
        since = np.array([day for day, _ in self.rates], dtype="datetime64[D]")
        rates = np.array([0.0, *(rate for _, rate in self.rates)])
        return rates[np.searchsorted(since, dates, side="right")]

    def scaled(self, factor: float) -> Self:  # noqa: ARG002 - it charges nothing
        """Return it as it is: what cash earns is no cost."""
        return self

    def as_dict(self) -> dict[str, Any]:
        """Return the part with its dated rates by day."""
        dated = None if self.rates is None else {f"{day}": rate for day, rate in self.rates}
        return {"model": self.model, "rate": self.rate, "rates": dated}

    def describe(self) -> str:
        """Return the rate, or the lowest and the highest of the dated ones."""
        if self.rates is None:
            return f"cash earns {say_percent(self.rate or 0.0)} per year"
        rates = [rate for _, rate in self.rates]
        low, high = f"{min(rates) * 100:.4g}", say_percent(max(rates))
        return f"cash earns {low} to {high} per year"


@dataclass(frozen=True)
class Lots(CostPart):
    """Sizes are whole multiples of a lot; what is left of the capital stays in cash.

    Source: vectorbt Portfolio.from_signals, its ``size_granularity``.

    Parameters
    ----------
    size
        Shares of a lot: 1 for whole shares, 100 for round lots, 0.001 for fractions.
    """

    model: ClassVar[str] = "lots"

    size: float = number(1.0, above=0.0)

    def round(self, shares: Floats) -> Floats:
        """Return whole lots, towards 0."""
        import numpy as np

        # 10 lots paid with a capital of 10 lots are 10, and not 9.999999999999998.
        return np.floor(shares / self.size * (1.0 + _ROUNDING)) * self.size

    def scaled(self, factor: float) -> Self:  # noqa: ARG002 - it charges nothing
        """Return it as it is."""
        return self

    def describe(self) -> str:
        """Return the size of a lot."""
        return "whole shares" if self.size == 1.0 else f"lots of {say_amount(self.size)}"


def _parse_rates(rates: Any) -> tuple[tuple[date, float], ...]:
    pairs = rates.items() if isinstance(rates, Mapping) else rates
    try:
        dated = {parse_day("a day of rates", day): float(rate) for day, rate in pairs}
    except (TypeError, ValueError):
        raise InvalidSettingsError(
            f'costs: cash_interest has rates {rates!r}; write them as {{"2022-03-17": 0.0025}}.'
        ) from None
    for rate in dated.values():
        if not (math.isfinite(rate) and -1.0 <= rate < 1.0):
            raise InvalidSettingsError(
                f"costs: cash_interest has the rate {rate}; allowed: from -1, below 1."
            )
    if not dated:
        raise InvalidSettingsError("costs: cash_interest has no rates.")
    return tuple(sorted(dated.items()))
