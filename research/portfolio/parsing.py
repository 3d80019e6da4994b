"""Definitions of portfolios from what their files say; what is refused is said with its key."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from numbers import Real
from typing import Any, get_args

from engine.settings import Direction
from research.errors import InvalidPortfolioError
from research.portfolio.definition import (
    CALENDARS,
    PRIORITIES,
    SIZINGS,
    SLOTS,
    STRENGTH,
    PortfolioDefinition,
    PortfolioLimits,
)
from strategies.errors import did_you_mean
from strategies.registry import registered_strategies

ALL = "all"
"""All registered strategies, with equal weights."""

_DIRECTIONS = get_args(Direction)
_LEAST_BARS, _MOST_BARS = 20, 756


def parse_definition(
    name: str,
    given: Mapping[str, Any],
    symbols: Sequence[str],
    strategies: Iterable[str] | None = None,
    *,
    has_sectors: bool = True,
) -> PortfolioDefinition:
    """Return a definition from what a file of it says.

    Parameters
    ----------
    given
        By the fields of `PortfolioDefinition`; those of `PortfolioLimits` are in ``limits``.
        Without ``strategies`` it is of none, for `PortfolioDefinition.for_strategy`.
    symbols
        Of the universe.
    strategies
        Names of those that there are; None for the registered ones.
    has_sectors
        Whether the universe says in which sector its symbols are.

    Raises
    ------
    InvalidPortfolioError
        For unknown keys, values out of range, unknown strategies and symbols, and limits that can't
        hold; with the key.
    """
    allowed = [one.name for one in fields(PortfolioDefinition) if one.name != "name"]
    _refuse_unknown("", given, allowed)
    limits = _parse_limits(given.get("limits"))
    if limits.max_sector_weight is not None and not has_sectors:
        raise InvalidPortfolioError(
            "limits.max_sector_weight needs the sectors of the symbols; needed: a column sector in "
            "the universe's file.",
            "limits.max_sector_weight",
        )
    known = registered_strategies() if strategies is None else strategies
    of, traded = _Values(given), _parse_symbols(given.get("symbols"), symbols)
    definition = PortfolioDefinition(
        name=name,
        strategies=_parse_strategies(given.get("strategies"), list(known)),
        symbols=traded,
        sizing=of.word("sizing", "equal_slots", SIZINGS),
        slots=of.count("slots", min(SLOTS, len(traded or symbols) or SLOTS)),
        position_volatility=of.optional("position_volatility", above=0.0, upto=10.0),
        portfolio_volatility=of.optional("portfolio_volatility", above=0.0, upto=10.0),
        lookback=of.count("lookback", 63, _LEAST_BARS, _MOST_BARS),
        rebalance=of.word("rebalance", "on_signal", CALENDARS),
        no_trade_band=of.number("no_trade_band", 0.0, from_=0.0, upto=1.0),
        priority=of.word("priority", STRENGTH, PRIORITIES),
        minimum_fill=of.number("minimum_fill", 0.5, from_=0.0, upto=1.0),
        limits=limits,
        direction=of.word("direction", "", _DIRECTIONS) or None,
        costs=_parse_costs(given.get("costs")),
        capital=of.number("capital", 100_000.0, above=0.0, upto=math.inf),
        benchmark=_parse_benchmark(given.get("benchmark"), symbols),
    )
    _check_together(definition, given)
    return definition


@dataclass(frozen=True)
class _Values:
    """Values by key, each checked when it is read."""

    given: Mapping[str, Any]
    where: str = ""

    def word(self, key: str, default: str, allowed: Sequence[str]) -> str:
        value = self.given.get(key)
        if value is None:
            return default
        if value not in allowed:
            raise InvalidPortfolioError(
                f"{self.where}{key} is {value!r}; allowed: {', '.join(allowed)}."
                + did_you_mean(str(value), allowed),
                self.where + key,
            )
        return value

    def count(self, key: str, default: int, least: int = 1, most: int = 100_000) -> int:
        value = self.given.get(key, default)
        if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
            raise InvalidPortfolioError(
                f"{self.where}{key} is {value!r}; allowed: whole numbers from {least} to {most}.",
                self.where + key,
            )
        return value

    def optional(self, key: str, *, above: float, upto: float) -> float | None:
        return (
            None if self.given.get(key) is None else self.number(key, 0.0, above=above, upto=upto)
        )

    def number(
        self,
        key: str,
        default: float,
        *,
        upto: float,
        above: float = -math.inf,
        from_: float = -math.inf,
    ) -> float:
        value = self.given.get(key, default)
        number = math.nan
        if isinstance(value, Real) and not isinstance(value, bool):
            number = float(value)
        if not (above < number <= upto and number >= from_ and math.isfinite(number)):
            low = f"from {from_:g}" if math.isinf(above) else f"above {above:g}"
            high = "" if math.isinf(upto) else f" to {upto:g}"
            raise InvalidPortfolioError(
                f"{self.where}{key} is {value!r}; allowed: numbers {low}{high}.", self.where + key
            )
        return number


def _refuse_unknown(where: str, given: Mapping[str, Any], allowed: Sequence[str]) -> None:
    for key in given:
        if key not in allowed:
            raise InvalidPortfolioError(
                f"there is no key '{where}{key}'.{did_you_mean(str(key), allowed)} "
                f"Allowed: {', '.join(allowed)}.",
                f"{where}{key}",
            )


def _parse_limits(given: Any) -> PortfolioLimits:
    given = {} if given is None else given
    if not isinstance(given, Mapping):
        raise InvalidPortfolioError(f"limits is {given!r}; needed: limits by name.", "limits")
    _refuse_unknown("limits.", given, [one.name for one in fields(PortfolioLimits)])
    of = _Values(given, "limits.")
    most = given.get("max_positions")
    limits = PortfolioLimits(
        max_weight=of.number("max_weight", 1.0, above=0.0, upto=1.0),
        max_sector_weight=of.optional("max_sector_weight", above=0.0, upto=1.0),
        max_gross=of.number("max_gross", 1.0, above=0.0, upto=10.0),
        min_net=of.number("min_net", -1.0, from_=-10.0, upto=10.0),
        max_net=of.number("max_net", 1.0, from_=-10.0, upto=10.0),
        max_positions=None if most is None else of.count("max_positions", 1),
    )
    low, high = limits.min_net, limits.max_net
    if low > high:
        raise InvalidPortfolioError(
            f"limits.min_net of {low:g} is above limits.max_net of {high:g}: no account is between "
            "them.",
            "limits.min_net",
        )
    if not low <= 0.0 <= high:
        raise InvalidPortfolioError(
            f"net exposure from {low:g} to {high:g} can't hold: an account begins with cash, which "
            "is 0; allowed: ranges with 0 inside.",
            "limits.min_net" if low > 0 else "limits.max_net",
        )
    if low == high:
        raise InvalidPortfolioError(
            "net exposure of 0 can't hold: orders fill one after the other, and the first is not "
            "0; allowed: a range around 0.",
            "limits.max_net" if "max_net" in given else "limits",
        )
    return limits


def _parse_strategies(given: Any, known: Sequence[str]) -> dict[str, float]:
    """Return the shares of the strategies, together 1; none where none is given."""
    if given is None:
        return {}
    if given == ALL:
        given = known
    if isinstance(given, str):
        given = [given]
    if isinstance(given, Sequence) and all(isinstance(one, str) for one in given):
        given = dict.fromkeys(given, 1.0)
    if not isinstance(given, Mapping) or not given:
        raise InvalidPortfolioError(
            f"strategies is {given!r}; allowed: a name, a list of names, weights by name, or all.",
            "strategies",
        )
    for name in given:
        if name not in known:
            raise InvalidPortfolioError(
                f"there is no strategy '{name}'.{did_you_mean(str(name), known)} "
                f"Registered: {', '.join(known)}.",
                f"strategies.{name}",
            )
    of = _Values(given, "strategies.")
    weights = {name: of.number(name, 1.0, above=0.0, upto=math.inf) for name in given}
    total = math.fsum(weights.values())
    return {name: weight / total for name, weight in weights.items()}


def _parse_symbols(given: Any, known: Sequence[str]) -> tuple[str, ...]:
    if given is None:
        return ()
    names = [given] if isinstance(given, str) else given
    if not isinstance(names, Sequence) or not names:
        raise InvalidPortfolioError(f"symbols is {given!r}; needed: a list of symbols.", "symbols")
    for name in names:
        _require_symbol("symbols", name, known)
    return tuple(one for one in known if one in set(names))


def _parse_benchmark(given: Any, known: Sequence[str]) -> str | None:
    if given is not None:
        _require_symbol("benchmark", given, known)
    return given


def _require_symbol(key: str, name: Any, known: Sequence[str]) -> None:
    if name not in known:
        raise InvalidPortfolioError(
            f"{key} has {name!r}, which is not among the {len(known)} symbols of the universe."
            + did_you_mean(str(name).upper(), known),
            key,
        )


def _parse_costs(given: Any) -> tuple[dict[str, Any], ...] | None:
    if given is None:
        return None
    from engine.costs import compose_costs
    from engine.errors import InvalidSettingsError

    try:
        compose_costs(given)
    except InvalidSettingsError as error:
        raise InvalidPortfolioError(str(error), "costs") from error
    return tuple(dict(one) for one in given)


def _check_together(definition: PortfolioDefinition, given: Mapping[str, Any]) -> None:
    """Refuse keys that do not go together, and limits that can't hold."""
    limits, sizing = definition.limits, definition.sizing
    _check_room(definition)
    if sizing == "equal_slots":
        _check_slots(definition)
    elif "slots" in given:
        raise InvalidPortfolioError(
            f"slots is for sizing: equal_slots, and sizing is {sizing}; limits.max_positions is "
            "the most positions of any other.",
            "slots",
        )
    volatilities = ("position_volatility", "portfolio_volatility")
    named = [one for one in volatilities if getattr(definition, one) is not None]
    if sizing == "volatility_target" and len(named) != 1:
        raise InvalidPortfolioError(
            "sizing: volatility_target needs position_volatility or portfolio_volatility, and "
            f"{'both are' if named else 'none is'} given.",
            named[1] if named else "sizing",
        )
    if sizing != "volatility_target" and named:
        raise InvalidPortfolioError(
            f"{named[0]} is for sizing: volatility_target, and sizing is {sizing}.", named[0]
        )
    if limits.max_sector_weight is not None and limits.max_sector_weight < limits.max_weight < 1.0:
        raise InvalidPortfolioError(
            f"limits.max_sector_weight of {limits.max_sector_weight:g} is below limits.max_weight "
            f"of {limits.max_weight:g}: no position could have it.",
            "limits.max_sector_weight",
        )


def _check_room(definition: PortfolioDefinition) -> None:
    """Refuse a net limit of 0 on the only side that a definition trades."""
    for key, most in _find_net_limit(definition).items():
        if not most:
            raise InvalidPortfolioError(
                f"limits.{key} of 0 leaves no room for a position with direction: "
                f"{definition.direction}.",
                f"limits.{key}",
            )


def _find_net_limit(definition: PortfolioDefinition) -> dict[str, float]:
    """Return the most net exposure of the only side; nothing where there are two, or none known."""
    limits = definition.limits
    sides = {"long": {"max_net": limits.max_net}, "short": {"min_net": abs(limits.min_net)}}
    return sides.get(definition.direction or "", {})


def _check_slots(definition: PortfolioDefinition) -> None:
    slots, limits = definition.slots, definition.limits
    share = 1.0 / slots
    named = {key: getattr(limits, key) for key in ("max_weight", "max_sector_weight", "max_gross")}
    for key, most in (named | _find_net_limit(definition)).items():
        if most is not None and most < share * (1 - 1e-9):
            raise InvalidPortfolioError(
                f"slots of {slots} give each position {share:g} of the equity, above limits.{key} "
                f"of {most:g}; allowed: slots of {math.ceil(1.0 / most - 1e-9)} or more.",
                f"limits.{key}",
            )
    if limits.max_positions is not None and limits.max_positions != slots:
        raise InvalidPortfolioError(
            f"limits.max_positions is {limits.max_positions}, and slots is {slots}: with sizing: "
            "equal_slots, slots is the most positions.",
            "limits.max_positions",
        )
