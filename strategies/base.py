"""What a strategy is: frozen, typed, validated parameters that turn bars into signals.

To add one, add a file to this folder; the registry finds it and its asset appears:

    @dataclass(frozen=True)
    class SmaCross(Strategy):
        fast_period: int = parameter(10, minimum=2, sweep=(5, 10, 15, 20))
        ...
        @property
        def lookback_bars(self) -> int: ...
        def signals(self, bars: Bars) -> Signals: ...
"""

import dataclasses
import re
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any, ClassVar, Self, get_type_hints

from strategies.errors import InvalidCombinationError, InvalidParameterError, did_you_mean
from strategies.parameters import choice, convert, parameter

__all__ = ["Bars", "Bools", "Floats", "Ints", "Signals", "Strategy", "choice", "parameter"]

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Bools = NDArray[np.bool_]
    Ints = NDArray[np.int64]
else:
    # Declaring a strategy needs no NumPy; importing it here would make loading all strategies take
    # five times as long.
    Floats = Bools = Ints = Any


@dataclass(frozen=True)
class Bars:
    """One symbol's bars, oldest first.

    Every field is a contiguous float64 array of the same length, without NaN. Prices are
    adjusted; volume is in shares.
    """

    open: Floats
    high: Floats
    low: Floats
    close: Floats
    volume: Floats

    def __len__(self) -> int:
        """Return the number of bars."""
        return len(self.close)


@dataclass(frozen=True)
class Signals:
    """A strategy's targets at the close of each bar, one boolean per bar.

    `entries[t]` and `exits[t]` may depend on bars up to and including t, never on later ones.
    When they fill, and at which price, is up to the engine.
    """

    entries: Bools
    exits: Bools


@dataclass(frozen=True)
class Strategy(ABC):
    """A trading rule with its parameters; subclasses are frozen dataclasses.

    Raises
    ------
    InvalidParameterError
        On construction, when a parameter has the wrong type, is out of range, or breaks a rule
        between parameters that `check` enforces.
    """

    name: ClassVar[str] = ""

    uses_volume: ClassVar[bool] = False
    """Whether its signals depend on volume: without any there are none, and results say so."""

    learns: ClassVar[bool] = False
    """Whether it fits a model to the bars that it is given: signals then depend on the first of
    them, from which `strategies.ml.walk_forward` counts. Never on later ones."""

    def __init_subclass__(cls, **kwargs: Any) -> None:
        """Name the strategy after its file, or in a notebook after its class."""
        super().__init_subclass__(**kwargs)
        if "name" not in cls.__dict__:
            in_notebook = cls.__module__ == "__main__"
            words = re.sub(r"(?<!^)(?=[A-Z])", "_", cls.__name__).lower()
            cls.name = words if in_notebook else cls.__module__.rpartition(".")[2]

    def __post_init__(self) -> None:
        """Validate each parameter, then their combination."""
        for field in dataclasses.fields(self):
            self._check_field(field)
        self.check()

    def check(self) -> None:  # noqa: B027 - most strategies have no rule between parameters
        """Raise `InvalidCombinationError` for an invalid combination; by default all are valid."""

    @property
    @abstractmethod
    def lookback_bars(self) -> int:
        """Bars needed before the first bar on which the strategy can enter."""

    @abstractmethod
    def signals(self, bars: Bars) -> Signals:
        """Return the signals of one symbol; False while an indicator is NaN."""

    def strength(self, bars: Bars) -> "Floats | None":  # noqa: ARG002 - most have none
        """Return how much a long position is wanted at the close of each bar; None if unsaid.

        For portfolios whose cash does not pay for all entries: the highest come first, of shorts
        the lowest. So it is a number that means the same of every symbol, such as a return; NaN
        where it is unknown, which comes last. As signals it may depend on bars up to and including
        its own. A backtest of one symbol never asks for it.
        """
        return None

    @classmethod
    def from_mapping(cls, parameters: Mapping[str, Any] | None = None) -> Self:
        """Build the strategy from named parameters; missing ones keep their defaults."""
        if parameters is not None and not isinstance(parameters, Mapping):
            raise InvalidParameterError(
                f"The parameters of {cls.name} are {parameters!r}; needed: values by name."
            )
        given = dict(parameters or {})
        allowed = [field.name for field in dataclasses.fields(cls)]
        for key in given:
            if key not in allowed:
                raise InvalidParameterError(
                    f"{cls.name} has no parameter '{key}'.{did_you_mean(key, allowed)} "
                    f"Allowed: {', '.join(allowed)}."
                )
        return cls(**given)

    def parameters(self) -> dict[str, int | float | str]:
        """Return the parameters by name, typed as declared."""
        return {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}

    def require_less(self, smaller: str, larger: str) -> None:
        """Refuse unless parameter `smaller` is below parameter `larger`."""
        low, high = getattr(self, smaller), getattr(self, larger)
        if not low < high:
            raise InvalidCombinationError(
                f"{self.name} needs {smaller} < {larger}, but got {smaller}={low}, {larger}={high}."
            )

    def _check_field(self, field: dataclasses.Field[Any]) -> None:
        kind = _read_types(type(self))[field.name]
        value = convert(self.name, field, kind, getattr(self, field.name))
        # The one write to the frozen dataclass: 2 becomes 2.0 where a float is declared, so that
        # equal parameters are always written alike.
        object.__setattr__(self, field.name, value)


@cache
def _read_types(cls: type[Strategy]) -> dict[str, type]:
    return get_type_hints(cls)
