"""Numbers as people read them. NaN, infinities and None are a dash: undefined."""

import math
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, date, datetime
from typing import Any

UNDEFINED = "-"


def is_undefined(value: Any) -> bool:
    """Return whether there is no value: None, NaN or an infinity."""
    return value is None or (isinstance(value, float) and not math.isfinite(value))


def show_percent(value: float | None) -> str:
    """Return a fraction in percent, one digit: ``12.3%``."""
    return UNDEFINED if is_undefined(value) else unsign(f"{value:.1%}")


def show_change(value: float | None) -> str:
    """Return a gain or loss, a fraction, in percent and with its sign: ``+12.3%``."""
    return UNDEFINED if is_undefined(value) else unsign(f"{value:+.1%}")


def show_ratio(value: float | None) -> str:
    """Return a ratio, such as Sharpe's, with two digits."""
    return UNDEFINED if is_undefined(value) else unsign(f"{value:.2f}")


def show_p_value(value: float | None) -> str:
    """Return a probability with three digits, none of them shown as 0."""
    least = 0.001
    if value is None or is_undefined(value):
        return UNDEFINED
    return f"< {least}" if value < least else f"{value:.3f}"


def show_count(value: float | None) -> str:
    """Return a number of things, thousands apart: ``3,382``."""
    return UNDEFINED if is_undefined(value) else f"{value:,.0f}"


def show_money(value: float | None) -> str:
    """Return an amount or a price with two digits, thousands apart; small prices with four."""
    if value is None or is_undefined(value):
        return UNDEFINED
    return unsign(f"{value:,.2f}" if abs(value) >= 1 or value == 0 else f"{value:.4g}")


def show_seconds(value: float | None) -> str:
    """Return a time: ``0.42 s``, ``12.3 s`` or ``3 min 20 s``."""
    if value is None or is_undefined(value):
        return UNDEFINED
    minute, ten = 60, 10
    # Rounded first: 119.6 s are 2 min 0 s.
    if round(value, 1) >= minute:
        minutes, seconds = divmod(round(value), minute)
        return f"{minutes} min {seconds} s"
    return f"{value:.1f} s" if round(value, 2) >= ten else f"{value:.2f} s"


def show_text(value: Any) -> str:
    """Return text and days as they are, a time to the minute in UTC."""
    if is_undefined(value):
        return UNDEFINED
    if isinstance(value, datetime):
        return f"{value.astimezone(UTC):%Y-%m-%d %H:%M} UTC"
    return value.isoformat() if isinstance(value, date) else str(value)


def show_all(show: Callable[[Any], str], values: Sequence[Any]) -> list[str]:
    """Return ``show(value)`` of each value; of columns of numbers or days in a third of the time.

    A number that has nothing special is formatted without asking whether it has.
    """
    kinds = set(map(type, values))
    if show is show_text and kinds == {date}:
        return [one.isoformat() for one in values]
    if show not in _USUAL or not kinds <= {int, float, type(None)}:
        return [*map(show, values)]
    form, least = _USUAL[show]
    return [
        form(one) if one is not None and least <= abs(one) < math.inf else show(one)
        for one in values
    ]


_USUAL: Mapping[Callable[[Any], str], tuple[Callable[[Any], str], float]] = {
    show_percent: ("{:.1%}".format, 0.001),
    show_change: ("{:+.1%}".format, 0.001),
    show_ratio: ("{:.2f}".format, 0.01),
    show_count: ("{:,.0f}".format, 1.0),
    show_money: ("{:,.2f}".format, 1.0),
}
"""How numbers are shown that are neither undefined nor, as far as they show, 0; and the least."""


def unsign(text: str) -> str:
    """Return a number without the sign of a rounded zero: ``0.0%`` of ``-0.0%``."""
    return text if text.strip("+-0.,%") else text.lstrip("+-")
