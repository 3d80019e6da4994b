"""The settings of a backtest: capital, costs, execution, stops; and its window."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from datetime import date
from functools import cached_property
from numbers import Real
from typing import TYPE_CHECKING, Any, Literal, Self, get_args

from engine.costs import ComposedCosts, CostModel, CostPart, PercentageCosts, parse_costs
from engine.days import parse_day
from engine.errors import InvalidSettingsError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

Execution = Literal["next_open", "same_close"]
Direction = Literal["long", "short", "both"]

PRICE_BASIS = "adjusted"
"""Backtests trade prices adjusted for splits and dividends; stored with each result."""


@dataclass(frozen=True)
class BacktestSettings:
    """How a backtest is filled, charged and annualized; stored with each result.

    Parameters
    ----------
    initial_capital
        Cash before the first fill, in the currency of the prices.
    fees, slippage
        As in `engine.costs.PercentageCosts`; not used with `costs`.
    execution
        ``next_open``: a signal at the close of bar t is filled at the open of bar t+1.
        ``same_close``: at the close of bar t itself, which could not have been traded; results
        are labelled with it.
    bars_per_year
        Bars per year, for annualization; None for those of each symbol's history.
    direction
        ``long``: an entry signal buys, an exit signal sells. ``short``: an exit signal sells
        short, an entry signal covers. ``both``: always on the side of the last signal.
    stop_loss
        Leave when the price has moved this fraction of the entry's fill price against the
        position; None for never. See `engine.stops` for what a bar's high and low decide.
    trailing_stop
        The same, measured from the best price since the entry. With `stop_loss` as well, the
        nearer of the two counts.
    take_profit
        Leave when the price has moved this fraction of the entry's fill price in favour.
    require_volume
        Nothing is filled on a bar without volume: orders wait for the next bar with volume, and
        the last of them counts. Bars before a symbol's first volume are not concerned, so neither
        is a symbol that never has any.
    costs
        A composition of cost models in place of `fees` and `slippage`, as in
        ``[{"model": "per_share", "rate": 0.005, "minimum": 1}, {"model": "lots"}]``: see
        `engine.costs.composition.MODELS`. None for `fees` and `slippage`.

    Raises
    ------
    InvalidSettingsError
        When a value is out of range.
    """

    initial_capital: float = 10_000.0
    fees: float = PercentageCosts.fees
    slippage: float = PercentageCosts.slippage
    execution: Execution = "next_open"
    bars_per_year: float | None = None
    direction: Direction = "long"
    stop_loss: float | None = None
    trailing_stop: float | None = None
    take_profit: float | None = None
    require_volume: bool = True
    costs: Sequence[Mapping[str, Any] | CostPart] | None = None

    def __post_init__(self) -> None:
        self._require("initial_capital", above=0.0, below=math.inf)
        if self.bars_per_year is not None:
            self._require("bars_per_year", above=0.0, below=math.inf)
        self._require("fees", from_=0.0, below=1.0)
        self._require("slippage", from_=0.0, below=1.0)
        self._require_one_of("execution", get_args(Execution))
        self._require_one_of("direction", get_args(Direction))
        if not isinstance(self.require_volume, bool):
            raise InvalidSettingsError(
                f"require_volume is {self.require_volume!r}; allowed: True, False."
            )
        if self.costs is not None:
            self._compose_costs()
        # A short cannot gain more than its whole value: such a target would never be reached.
        highest = math.inf if self.direction == "long" else 1.0
        for name, below in (("stop_loss", 1.0), ("trailing_stop", 1.0), ("take_profit", highest)):
            if getattr(self, name) is not None:
                self._require(name, above=0.0, below=below)

    @property
    def cost_model(self) -> CostModel:
        """What fills cost, and what cash and shorts do meanwhile."""
        if self.costs is None:
            return PercentageCosts(self.fees, self.slippage)
        return ComposedCosts.of(parse_costs(self.costs))

    @property
    def has_stops(self) -> bool:
        """Whether a position can end without a signal."""
        return any(
            level is not None for level in (self.stop_loss, self.trailing_stop, self.take_profit)
        )

    def as_dict(self) -> dict[str, Any]:
        """Return the settings by name, as they are stored: without costs that do not count.

        Either `fees` and `slippage`, or `costs` in their place.
        """
        settings = {one.name: getattr(self, one.name) for one in fields(self)}
        if self.costs is None:
            del settings["costs"]
            return settings
        del settings["fees"], settings["slippage"]
        return settings | {"costs": [one.as_dict() for one in parse_costs(self.costs)]}

    def scale_costs(self, factor: float) -> Self:
        """Return the settings with everything that trading costs multiplied."""
        if self.costs is not None:
            return replace(self, costs=[one.scaled(factor) for one in parse_costs(self.costs)])
        dear = PercentageCosts(self.fees, self.slippage).scaled(factor)
        return replace(self, fees=dear.fees, slippage=dear.slippage)

    def _compose_costs(self) -> None:
        object.__setattr__(self, "costs", parse_costs(self.costs))
        for name in ("fees", "slippage"):
            if getattr(self, name) != getattr(PercentageCosts, name):
                raise InvalidSettingsError(
                    f"{name} is {getattr(self, name)} beside costs; allowed: one of them. In costs "
                    'a percentage is {"model": "percentage", "rate": 0.001}, and slippage '
                    '{"model": "slippage", "fraction": 0.001}.'
                )

    def _require_one_of(self, name: str, allowed: tuple[str, ...]) -> None:
        value = getattr(self, name)
        if value not in allowed:
            raise InvalidSettingsError(f"{name} is {value!r}; allowed: {', '.join(allowed)}.")

    def _require(
        self, name: str, *, below: float, above: float = -math.inf, from_: float = -math.inf
    ) -> None:
        value = getattr(self, name)
        if isinstance(value, Real) and not isinstance(value, bool):
            # 10_000, 10_000.0 and NumPy's are the same setting, and are stored alike.
            value = float(value)
            object.__setattr__(self, name, value)
        if not (isinstance(value, float) and above < value < below and value >= from_):
            low = f"from {from_:g}" if math.isinf(above) else f"above {above:g}"
            upto = "finite" if math.isinf(below) else f"below {below:g}"
            raise InvalidSettingsError(f"{name} is {value!r}; allowed: {low}, {upto}.")


@dataclass(frozen=True)
class Window:
    """The days that are traded and measured, both ends included.

    Parameters
    ----------
    start, end
        First and last calendar day, in any spelling of `engine.days.DayLike`; kept as dates.

    Raises
    ------
    InvalidSettingsError
        For what is no day, and for a start after the end.
    """

    start: date
    end: date

    def __post_init__(self) -> None:
        for name in ("start", "end"):
            day = parse_day(f"the window's {name}", getattr(self, name))
            object.__setattr__(self, name, day)
        if self.start > self.end:
            raise InvalidSettingsError(
                f"the window starts on {self.start}, after its end on {self.end}."
            )

    @cached_property
    def days(self) -> "NDArray[np.datetime64]":
        """The first day, and the day after the last: ``datetime64[D]``, shape (2,)."""
        import numpy as np

        both = np.array([self.start, self.end], dtype="datetime64[D]")
        return both + np.array([0, 1], dtype="timedelta64[D]")
