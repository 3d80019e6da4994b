"""Price files without names of columns, as Binance, Kraken and MetaTrader 4 write them.

Where there are no names, all of them write date, perhaps the time, open, high, low, close, volume.
That is believed only where the numbers agree: in every row the third is the highest and the fourth
the lowest price, and bars begin near the close before them.
"""

import re

import numpy as np

_DATE = re.compile(r"\d{4}[-./]?\d\d[-./]?\d\d\b.*|\d{9,19}")
_TIME = re.compile(r"\d{1,2}:\d\d(:\d\d)?|\d{6}|\d{4}")
_FEWEST = 5  # rows that say what the columns are
_PRICES = 4


def find_positions(rows: list[list[str]]) -> list[str] | None:
    """Return names for the columns of the first rows of a file; None if they are no plain bars."""
    first = [cell.strip() for cell in rows[0]]
    if len(first) <= _PRICES or not _DATE.fullmatch(first[0]):
        return None
    dates = [row[0].strip() for row in rows if len(row) == len(first)]
    if dates != sorted(dates) or len({len(day) for day in dates}) > 1:
        return None  # oldest first, or open and close could be taken for each other
    start = 2 if _TIME.fullmatch(first[1]) and len(first) > _PRICES + 1 else 1
    numbers = _read_numbers([row[start:] for row in rows if len(row) == len(first)])
    if numbers is None or not _are_bars(numbers):
        return None
    named = ["date", *([""] * (start - 1)), "open", "high", "low", "close"]
    if numbers.shape[1] > _PRICES and not _is_between(numbers[:, _PRICES], numbers):
        named.append("volume")
    elif numbers.shape[1] > _PRICES:
        return None  # an average price, and so not the order that is known
    return named + [""] * (len(first) - len(named))


def _read_numbers(rows: list[list[str]]) -> np.ndarray | None:
    """Return prices and volume as (rows, 4 or 5) numbers; None if some cell is none."""
    try:
        numbers = np.array([[float(cell) for cell in row[: _PRICES + 1]] for row in rows])
    except ValueError:
        return None
    usable = np.isfinite(numbers).all() and (numbers[:, :_PRICES] > 0).all()
    return numbers if len(numbers) >= _FEWEST and usable else None


def _are_bars(numbers: np.ndarray) -> bool:
    opens, high, low, close = numbers[:, :_PRICES].T
    inside = (high >= np.maximum(opens, close)).all() and (low <= np.minimum(opens, close)).all()
    follows = np.abs(np.log(opens[1:] / close[:-1])).sum()
    swapped = np.abs(np.log(close[1:] / opens[:-1])).sum()
    return bool(inside and (high > low).any() and follows < swapped)


def _is_between(volume: np.ndarray, numbers: np.ndarray) -> bool:
    return bool(((volume >= numbers[:, 2]) & (volume <= numbers[:, 1])).all())
