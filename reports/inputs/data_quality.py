"""What the page of data quality shows: what is stored of each symbol, and what is missing."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Any

import numpy as np

from reports.inputs.price_checks import load_price_checks
from reports.inputs.run_data import RunData
from resources.price_store.errors import CorruptBarsError
from resources.price_store.stored_file import StoredFile
from resources.trading_calendar import find_calendar

if TYPE_CHECKING:
    from numpy.typing import NDArray

_BATCH = 128


@dataclass(frozen=True)
class SymbolQuality:
    """What is stored of a symbol in the window.

    Parameters
    ----------
    first, last
        Of its bars; None without any.
    bars, missing
        How many there are, and on how many sessions of its exchange between them there is none.
    behind
        Sessions from the last bar to the end of the window, or of its listing.
    revisions, revised_bars, revised_at
        How often its past was changed by the source, how many bars the changes were of, and when
        the last one was.
    fetched_at
        When the newest of its bars were fetched, in UTC.
    error
        Why its file can't be read; "" if it can.
    warnings
        What the last run that fetched it found suspicious, by rule; None if none has checked it.
    listed
        Whether it was listed in the window; of others nothing is read.
    """

    symbol: str
    first: date | None = None
    last: date | None = None
    bars: int = 0
    missing: int = 0
    behind: int = 0
    revisions: int = 0
    revised_bars: int = 0
    revised_at: date | None = None
    fetched_at: datetime | None = None
    error: str = ""
    warnings: Mapping[str, str] | None = None
    listed: bool = True


@dataclass(frozen=True)
class DataQualityInputs:
    """What is stored.

    Parameters
    ----------
    start, end
        The window.
    symbols
        In the universe's order.
    missing
        Of each day on which a bar is missing, how many symbols lack it.
    expected
        Of the same days, how many symbols had a session.
    """

    start: date
    end: date
    symbols: Sequence[SymbolQuality]
    missing: Mapping[date, int]
    expected: Mapping[date, int]


def load_data_quality(data: RunData) -> DataQualityInputs:
    """Return what is stored of the universe of a run in its window."""
    checks = load_price_checks(data)
    missing: Counter[date] = Counter()
    sessions: list[NDArray[np.datetime64]] = []
    symbols = []
    for symbol, stored in _read_files(data):
        if stored is None:
            symbols.append(SymbolQuality(symbol, listed=False))
            continue
        if isinstance(stored, Exception):
            symbols.append(SymbolQuality(symbol, error=str(stored)))
            continue
        one, gaps, expected = _inspect(data, symbol, stored, data.members.get(symbol, {}))
        missing.update(gaps.tolist())
        sessions.append(expected)
        warnings = checks.find_warnings(symbol, stored.label.fetched_at)
        symbols.append(replace(one, **_count_revisions(data, symbol), warnings=warnings))
    expected = _count_days(sessions, sorted(missing))
    scope = data.scope
    days = dict(sorted(missing.items()))
    return DataQualityInputs(scope.start_date, scope.end_date, symbols, days, expected)


def _read_files(data: RunData) -> Iterator[tuple[str, StoredFile | Exception | None]]:
    """Yield the file of each symbol, verified, or why there is none; None if it was not listed."""
    source, universe = data.scope.source, list(data.scope.universe)
    for start in range(0, len(universe), _BATCH):
        batch = universe[start : start + _BATCH]
        listed = [*filter(data.is_listed, batch)]
        found = dict(zip(listed, data.stores.prices.read_many(source, listed), strict=True))
        for symbol in batch:
            one = found.get(symbol)
            if not isinstance(one, StoredFile):
                yield symbol, one
                continue
            try:
                yield symbol, one.verified()
            except CorruptBarsError as error:
                yield symbol, error


def _inspect(
    data: RunData, symbol: str, stored: StoredFile, member: Mapping[str, Any]
) -> tuple[SymbolQuality, "NDArray[np.datetime64]", "NDArray[np.datetime64]"]:
    """Return what is stored of a symbol, the sessions without a bar, and all sessions."""
    start, end = data.scope.start_date, data.scope.end_date
    end = min(end, member.get("listed_to") or end)
    days = stored.bars["date"].to_numpy().astype("datetime64[D]")
    calendar = find_calendar(member.get("calendar"), days)
    inside = days[(days >= np.datetime64(start)) & (days <= np.datetime64(end))]
    if not len(inside):
        nothing = np.empty(0, dtype="datetime64[D]")
        return SymbolQuality(symbol, fetched_at=stored.label.fetched_at), nothing, nothing
    first, last = inside[0].item(), inside[-1].item()
    sessions = calendar.sessions(first, last)
    gaps = np.setdiff1d(sessions, inside)
    behind = len(calendar.sessions(last + timedelta(days=1), end))
    fetched = stored.label.fetched_at
    one = SymbolQuality(symbol, first, last, len(inside), len(gaps), behind, fetched_at=fetched)
    return one, gaps, sessions


def _count_revisions(data: RunData, symbol: str) -> dict[str, Any]:
    try:
        found = data.stores.prices.revisions(data.scope.source, symbol)
    except CorruptBarsError as error:
        return {"error": str(error)}
    return {
        "revisions": len(found),
        "revised_bars": sum(one.changed_bars for one in found),
        "revised_at": found[-1].replaced_at.date() if found else None,
    }


def _count_days(
    sessions: Sequence["NDArray[np.datetime64]"], days: Sequence[date]
) -> dict[date, int]:
    """Return how many of the symbols had a session on each of some days."""
    if not days:
        return {}
    every, counts = np.unique(np.concatenate(sessions), return_counts=True)
    known = dict(zip(every.tolist(), counts.tolist(), strict=True))
    return {day: known[day] for day in days}
