"""What a part of a composition of costs is: frozen, validated, written and read as JSON."""

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import MISSING, dataclass, field, fields
from numbers import Real
from typing import Any, ClassVar, Self

from engine.errors import InvalidSettingsError
from strategies.errors import did_you_mean


def number(
    default: Any = MISSING, *, above: float = -math.inf, from_: float = 0.0, below: float = math.inf
) -> Any:
    """Declare a number of a part with its range; with the default None it may be left out."""
    limits = {"above": above, "from_": from_, "below": below, "optional": default is None}
    if default is MISSING:
        return field(metadata=limits)
    return field(default=default, metadata=limits)


@dataclass(frozen=True)
class CostPart(ABC):
    """One model of a composition, such as a fee per share.

    Attributes
    ----------
    model
        Its name in settings.
    """

    model: ClassVar[str]

    def __post_init__(self) -> None:
        """Refuse numbers that are not in the range of their fields."""
        for one in fields(self):
            if one.metadata:
                self._check(one.name, **one.metadata)

    @abstractmethod
    def scaled(self, factor: float) -> Self:
        """Return the part with what it charges multiplied."""

    @abstractmethod
    def describe(self) -> str:
        """Return the part in words."""

    def as_dict(self) -> dict[str, Any]:
        """Return the part as settings have it, with all of its numbers."""
        return {"model": self.model, **{one.name: getattr(self, one.name) for one in fields(self)}}

    @classmethod
    def from_mapping(cls, given: Mapping[str, Any]) -> Self:
        """Return the part that settings describe, the name of its model left out.

        Raises
        ------
        InvalidSettingsError
            For a number that is unknown, missing or out of range.
        """
        known = [one.name for one in fields(cls)]
        for name in given:
            if name not in known:
                raise InvalidSettingsError(
                    f"costs: {cls.model} has no '{name}'.{did_you_mean(str(name), known)} "
                    f"Allowed: {', '.join(known)}."
                )
        for one in fields(cls):
            if one.default is MISSING and one.name not in given:
                raise InvalidSettingsError(f"costs: {cls.model} needs {one.name}.")
        return cls(**given)

    def _check(self, name: str, above: float, from_: float, below: float, optional: bool) -> None:
        value = getattr(self, name)
        if value is None and optional:
            return
        if isinstance(value, Real) and not isinstance(value, bool):
            # 1, 1.0 and NumPy's are the same number, and are stored alike.
            value = float(value)
            object.__setattr__(self, name, value)
        if not (isinstance(value, float) and above < value < below and value >= from_):
            low = f"above {above:g}" if above > -math.inf else f"from {from_:g}"
            upto = "finite" if math.isinf(below) else f"below {below:g}"
            raise InvalidSettingsError(
                f"costs: {self.model} has {name} {value!r}; allowed: {low}, {upto}."
            )
