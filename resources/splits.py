"""The user's file of splits: what a feed's adjustment lacks, one line per split.

Imported when definitions load: standard library only.
"""

import math
from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from fractions import Fraction
from pathlib import Path

from resources.csv_rows import read_rows
from resources.universe import SYMBOL_RULE, is_symbol, parse_day
from strategies.errors import GauntletError

COLUMNS = ("symbol", "date", "ratio")
MOST = 10_000
"""The largest whole number of a ratio; no split comes near it."""


class SplitsError(GauntletError):
    """The file of splits is missing, unreadable or holds a row that is refused."""


@dataclass(frozen=True, slots=True)
class Splits:
    """What one share becomes, by symbol and first day at the new price; 1 for a real move."""

    by_symbol: Mapping[str, Mapping[date, Fraction]] = field(default_factory=dict)

    def of(self, symbol: str) -> Mapping[date, Fraction]:
        """Return the lines of a symbol, by day in ascending order; empty for most."""
        return self.by_symbol.get(symbol, {})

    def describe(self, symbol: str) -> str:
        """Return a symbol's splits as a text: equal texts mean equal factors.

        Real moves are left out, which change no bar.
        """
        lines = self.of(symbol).items()
        return ", ".join(f"{day} {ratio}" for day, ratio in lines if ratio != 1)

    def factors(self, symbol: str, days: Iterable[date]) -> Sequence[float]:
        """Return the factor of each day, (n,): the product of 1 / ratio over all later splits.

        It depends on the day alone, and not on the window that is fetched.
        """
        lines = self.of(symbol)
        # From the last split backwards, in fractions: the product of any number is exact.
        factor, factors = Fraction(1), [1.0]
        for ratio in reversed(list(lines.values())):
            factor /= ratio
            factors.append(float(factor))
        dates = list(lines)
        return [factors[len(dates) - bisect_right(dates, day)] for day in days]


def load_splits(path: str | Path | None) -> Splits:
    """Read a CSV file with the columns `symbol`, `date` and `ratio`; None gives no splits.

    Columns may stand in any order and letter case; others are ignored. A file with a header alone
    is allowed. Raises SplitsError, whose one line names the file, and the line where there is one.
    """
    if path is None:
        return Splits()
    rows = read_rows(path, "file of splits", COLUMNS[0], SplitsError)
    _, header = next(rows, (0, []))
    columns = _parse_header(path, header)
    found: dict[str, dict[date, Fraction]] = {}
    for line, cells in rows:
        where = f"{path}, line {line}"
        if len(cells) > len(columns):
            raise SplitsError(f"{where}: {len(cells)} cells, but the header has {len(columns)}.")
        symbol, day, ratio = _parse_row(where, dict(zip(columns, cells, strict=False)))
        if day in found.setdefault(symbol, {}):
            raise SplitsError(f"{where}: symbol {symbol} has {day} twice.")
        found[symbol][day] = ratio
    return Splits({symbol: dict(sorted(lines.items())) for symbol, lines in found.items()})


def _parse_header(path: str | Path, header: list[str]) -> list[str]:
    columns = [name.lower() for name in header]
    for name in COLUMNS:
        if columns.count(name) != 1:
            wrong = "is twice" if name in columns else "is not"
            raise SplitsError(
                f"{path}, line 1: column '{name}' {wrong} in the header; needed are "
                f"{', '.join(COLUMNS)}."
            )
    return columns


def _parse_row(where: str, row: Mapping[str, str]) -> tuple[str, date, Fraction]:
    symbol, day, ratio = (row.get(name, "") for name in COLUMNS)
    if not is_symbol(symbol):
        raise SplitsError(f"{where}: {symbol[:40]!r} is not a symbol ({SYMBOL_RULE}).")
    try:
        return symbol, parse_day(day), _parse_ratio(where, ratio)
    except ValueError as error:
        raise SplitsError(f"{where}: date {day[:40]!r} is not a date like 2021-01-04.") from error


def _parse_ratio(where: str, text: str) -> Fraction:
    numbers = [part.strip() for part in text.split("/")]
    if len(numbers) > 2 or not all(_is_number(part) for part in numbers):  # noqa: PLR2004
        raise SplitsError(
            f"{where}: ratio {text[:40]!r} is not what one share becomes: whole numbers up to "
            f"{MOST} like 20, 3/2 or 1/8, or 1 for a real move."
        )
    return Fraction(int(numbers[0]), math.prod(int(one) for one in numbers[1:]))


def _is_number(text: str) -> bool:
    # The length first: Python refuses to read thousands of digits.
    is_short = text.isascii() and text.isdigit() and len(text) <= len(str(MOST))
    return is_short and 0 < int(text) <= MOST
