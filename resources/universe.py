"""The universe: which symbols are tested, read from a CSV file.

Its symbols become the partition keys of every asset and the file names of the price store, so
this module says what a symbol may be. It is imported when definitions load: standard library
only, unless the file names other calendars than New York's.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

from resources.csv_rows import read_rows
from resources.trading_calendar import (
    DEFAULT_CALENDAR,
    UnknownCalendarError,
    require_calendar,
)
from strategies.errors import GauntletError, did_you_mean

SYMBOL_RULE = (
    "1 to 24 letters, digits, spaces and . - ^ = & / _ ; at the beginning a letter, a digit, . or "
    "^ ; at the end no . / or space; no '..' inside; at least one letter or digit"
)

LONG_YEARS = 5.0
"""Of the 500 companies of an index some twenty leave in a year: in five, hardly none."""

# Ranges of partition keys are written "A...B": neither "..." inside a symbol nor a "." at its
# end, which would melt into those dots, can be told from the separator. A "-" or "=" at the
# beginning makes a formula of a cell, in whatever a result is exported to.
_SYMBOL = re.compile(
    r"(?=[.^]*[A-Za-z0-9])(?!.*\.\.)[A-Za-z0-9.^](?:[A-Za-z0-9.^=&/_ -]{0,22}[A-Za-z0-9^=&_-])?"
)


class UniverseError(GauntletError):
    """The universe's file is missing, unreadable or holds a row that is refused."""


@dataclass(frozen=True, slots=True)
class Listing:
    """One row of the universe; None where the file says nothing.

    `calendar` is the name of its exchange's sessions in exchange_calendars; where there is none,
    `resources.trading_calendar.find_calendar` goes by the bars.
    """

    symbol: str
    sector: str | None = None
    listed_from: date | None = None
    listed_to: date | None = None
    calendar: str | None = None

    def is_listed_within(self, start: date, end: date) -> bool:
        """Return whether it was listed on some day from `start` to `end`."""
        return (self.listed_from or start) <= end and (self.listed_to or end) >= start


@dataclass(frozen=True, slots=True)
class Universe:
    """Listings in the order of the file; symbols are unique, whatever their letter case.

    `refused` has one sentence for each row of the file that was left out.
    """

    listings: tuple[Listing, ...]
    refused: tuple[str, ...] = ()
    _by_symbol: dict[str, Listing] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        # Searching 10,000 listings for each symbol would take longer than reading its prices.
        by_symbol = {listing.symbol: listing for listing in self.listings}
        object.__setattr__(self, "_by_symbol", by_symbol)

    @property
    def symbols(self) -> tuple[str, ...]:
        """The symbols in the order of the file."""
        return tuple(listing.symbol for listing in self.listings)

    @property
    def has_sectors(self) -> bool:
        """Whether the file says of any symbol in which sector it is."""
        return any(listing.sector for listing in self.listings)

    @property
    def calendars(self) -> tuple[str, ...]:
        """The calendars of the symbols, each once; New York's where none is named."""
        named = (listing.calendar or DEFAULT_CALENDAR for listing in self.listings)
        return tuple(dict.fromkeys(named))

    def calendar_of(self, symbol: str) -> str | None:
        """Return the name of a symbol's calendar; None if the universe names none."""
        listing = self._by_symbol.get(symbol)
        return listing.calendar if listing else None

    def select(self, names: Iterable[str]) -> tuple[str, ...]:
        """Return those of the symbols that are named, each once and in the order of the file.

        Raises
        ------
        UniverseError
            When a name is not a symbol of the universe, or none is given; with the closest ones.
        """
        wanted, known = dict.fromkeys(names), self.symbols
        unknown = [name for name in wanted if name not in self._by_symbol]
        if unknown:
            shown = ", ".join(f"'{name[:40]}'" for name in unknown)
            are = "is" if len(unknown) == 1 else "are"
            close = "".join(did_you_mean(name.upper(), known) for name in unknown)
            raise UniverseError(
                f"{shown} {are} not among the {len(known)} symbols of the universe.{close}"
            )
        if not wanted:
            raise UniverseError(f"no symbol is given; allowed: one or more of {known[0]}, ...")
        return tuple(symbol for symbol in known if symbol in wanted)

    def describe_survivorship_bias(self, start: date, end: date) -> str:
        """Return a warning if no symbol was delisted in a long window, else "".

        A universe of today's symbols has survivorship bias: delisted symbols are missing from every
        result, and results look better than they could have been.
        """
        years = (end - start).days / 365.25
        left = any(listing.listed_to and listing.listed_to < end for listing in self.listings)
        if left or years < LONG_YEARS:
            return ""
        return (
            f"survivorship bias: none of the {len(self.listings)} symbols of the universe was "
            f"delisted in {years:.0f} years; add delisted symbols, with their listed_to"
        )

    def listed_within(self, start: date, end: date) -> tuple[str, ...]:
        """Return the symbols that were listed on some day from `start` to `end`, in their order."""
        return tuple(
            listing.symbol for listing in self.listings if listing.is_listed_within(start, end)
        )

    def listed(self, symbol: str, start: date, end: date) -> tuple[date, date]:
        """Return the first and last day from `start` to `end` on which the symbol was listed.

        Bars of other days are another company's, or nobody's. Raises UniverseError if there is
        no such day.
        """
        listing = self._by_symbol[symbol]
        first = max(start, listing.listed_from or start)
        last = min(end, listing.listed_to or end)
        if first > last:
            raise UniverseError(
                f"{symbol} was listed from {listing.listed_from or 'the beginning'} to "
                f"{listing.listed_to or 'now'}, on no day from {start} to {end}."
            )
        return first, last


def is_symbol(text: str) -> bool:
    """Say whether `text` may be a symbol (`SYMBOL_RULE`)."""
    return _SYMBOL.fullmatch(text) is not None


def to_file_stem(symbol: str) -> str:
    """Return what the name of a symbol's file begins with: itself, a slash written as %2F.

    Two symbols have two names, for no symbol has a percent sign.
    """
    return symbol.replace("/", "%2F")


def from_file_stem(stem: str) -> str:
    """Return the symbol of a file whose name begins with this."""
    return stem.replace("%2F", "/")


def parse_day(text: str) -> date:
    """Return the day written as YYYY-MM-DD; any other form raises ValueError."""
    day = date.fromisoformat(text)
    if day.isoformat() != text:  # "20210104" and "2021-W01-1" are ISO 8601 too
        raise ValueError(text)
    return day


def load_universe(path: str | Path, skip_bad_rows: bool = False) -> Universe:
    """Read a CSV file: a column `symbol`, and optionally sector, listed_from, listed_to, calendar.

    Columns may stand in any order and letter case; others are ignored. UTF-8, with or without
    a byte order mark; blank lines are skipped. Raises UniverseError, whose one line names the
    file, and the line where there is one; with `skip_bad_rows` a row that is refused is left out,
    and the error stands in `Universe.refused`.
    """
    rows = read_rows(path, "universe", "symbol", UniverseError)
    _, header = next(rows, (0, []))
    columns = _parse_header(path, header)
    listings: dict[str, Listing] = {}
    refused: list[str] = []
    for line, cells in rows:
        try:
            _add_listing(listings, _parse_listing(columns, cells))
        except UniverseError as error:
            refused.append(f"{path}, line {line}: {error}")
    if refused and not skip_bad_rows:
        more = f" {len(refused) - 1} other rows are refused too." if refused[1:] else ""
        raise UniverseError(f"{refused[0]}{more} GAUNTLET_SKIP_BAD_ROWS=1 leaves such rows out.")
    if not listings:
        raise UniverseError(f"{path} has a header but no symbols: add one row per symbol.")
    return Universe(tuple(listings.values()), tuple(refused))


def _add_listing(listings: dict[str, Listing], listing: Listing) -> None:
    # Two files of the price store must differ on file systems that ignore letter case too.
    twin = listings.setdefault(listing.symbol.upper(), listing)
    if twin is not listing:
        seen = "" if twin.symbol == listing.symbol else f" (as {twin.symbol}; case is ignored)"
        raise UniverseError(f"symbol {listing.symbol} is twice{seen}.")


def _parse_header(path: str | Path, header: list[str]) -> list[str]:
    if not header:
        raise UniverseError(f"{path} is empty: a header with a column 'symbol' is needed.")
    columns = [name.lower() for name in header]
    if "symbol" not in columns:
        found = ", ".join(header)[:80]
        raise UniverseError(f"{path}, line 1: no column 'symbol' in the header ({found}).")
    twice = next((name for name in columns if name and columns.count(name) > 1), None)
    if twice:
        raise UniverseError(f"{path}, line 1: column '{twice}' is twice in the header.")
    return columns


def _parse_listing(columns: list[str], cells: list[str]) -> Listing:
    if len(cells) > len(columns):
        raise UniverseError(f"{len(cells)} cells, but the header has {len(columns)}.")
    row = dict(zip(columns, cells, strict=False))
    symbol = row.get("symbol", "")
    if not is_symbol(symbol):
        raise UniverseError(f"{symbol[:40]!r} is not a symbol ({SYMBOL_RULE}).")
    first, last = (_parse_cell_day(name, row.get(name)) for name in ("listed_from", "listed_to"))
    if first and last and first > last:
        raise UniverseError(f"listed_from {first} is after listed_to {last}.")
    try:
        calendar = require_calendar(row["calendar"]) if row.get("calendar") else None
    except UnknownCalendarError as error:
        raise UniverseError(str(error)) from error
    return Listing(symbol, row.get("sector") or None, first, last, calendar)


def _parse_cell_day(name: str, text: str | None) -> date | None:
    if not text:
        return None
    try:
        return parse_day(text)
    except ValueError as error:
        message = f"{name} {text[:40]!r} is not a date like 2021-01-04."
        raise UniverseError(message) from error
