"""A calendar day in the spellings that people and libraries use."""

from datetime import date, datetime
from typing import TYPE_CHECKING, TypeAlias, Union

from engine.errors import InvalidSettingsError

if TYPE_CHECKING:
    import numpy as np

DayLike: TypeAlias = Union[date, str, "np.datetime64"]
"""A date, a datetime, a pandas Timestamp, a NumPy datetime64 or ISO text such as 2023-12-31."""

_ALLOWED = (
    "a date, a datetime, a pandas Timestamp, a NumPy datetime64 of days, or text as 2023-12-31"
)


def parse_day(name: str, value: DayLike) -> date:
    """Return the calendar day of `value`; of a time with a zone, the day that it says there.

    Raises
    ------
    InvalidSettingsError
        For anything else, naming `name`: NaT, a month, a text that is no day.
    """
    if isinstance(value, str):
        return _parse_text(name, value)
    if isinstance(value, datetime) and value == value:  # noqa: PLR0124 - pandas' NaT is none
        return value.date()
    if isinstance(value, date) and not isinstance(value, datetime):
        return value
    day = _read_numpy(value)
    if day is None:
        raise InvalidSettingsError(f"{name} is {value!r}; allowed: {_ALLOWED}.")
    return day


def _parse_text(name: str, text: str) -> date:
    try:
        return datetime.fromisoformat(text.strip()).date()
    except ValueError:
        raise InvalidSettingsError(f"{name} is {text!r}; write a day as 2023-12-31.") from None


def _read_numpy(value: object) -> date | None:
    """Return the day of a datetime64; None for other types, for NaT, and for months and years.

    "2023-12" of NumPy would be the first of December: as the end of a window, a month too few.
    """
    import numpy as np

    if not isinstance(value, np.datetime64) or np.isnat(value):
        return None
    if np.datetime_data(value.dtype)[0] in {"Y", "M", "W", "generic"}:
        return None
    day = value.astype("datetime64[D]").astype(object)
    return day if isinstance(day, date) else None
