"""Which days of each symbol are loaded: those of a window and of its history, if it was listed."""

from collections.abc import Iterable
from datetime import date

from engine.failure import Failure
from resources.price_store.spans import HistorySpec
from resources.universe import Universe, UniverseError


def select_listed(
    universe: Universe, symbols: Iterable[str], start: date, end: date
) -> tuple[list[HistorySpec], list[Failure]]:
    """Return each symbol with the days on which it was listed, and those that never were.

    Parameters
    ----------
    start
        First day of the histories, lookback included.
    end
        Last day of the window.
    """
    listed: list[HistorySpec] = []
    failures: list[Failure] = []
    for symbol in symbols:
        try:
            days = universe.listed(symbol, start, end)
        except UniverseError as error:
            failures.append(Failure.of(symbol, error))
            continue
        listed.append(HistorySpec(symbol, *days, universe.calendar_of(symbol), end))
    return listed, failures
