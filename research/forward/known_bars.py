"""Which bars a forward record has seen: what was not revised since can be told by it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from uuid import UUID, uuid5

import numpy as np
from numpy.typing import NDArray

from engine.history import History, TradedHistory
from research.natural_key import canonical_json
from strategies.base import Bars

_NAMESPACE = UUID("b1b1a5a6-0f5e-5d4c-8a53-7f0a4d1c9e21")


@dataclass(frozen=True, eq=False)
class KnownBars:
    """The bars of a universe that a forward record rests on.

    Parameters
    ----------
    session
        The last day that is recorded.
    symbols
        In the universe's order, S of them.
    through
        ``datetime64[D]``, the last recorded bar of each, shape (S,); NaT for none.
    versions
        Fingerprint of each symbol's bars up to that one (`History.content_version`); "" for none.
    """

    session: date
    symbols: tuple[str, ...]
    through: NDArray[np.datetime64]
    versions: tuple[str, ...]

    @property
    def identifier(self) -> UUID:
        """The UUID of what it says."""
        through = self.through.astype(np.int64).tolist()
        key = [self.session.isoformat(), list(self.symbols), through, list(self.versions)]
        return uuid5(_NAMESPACE, canonical_json(key))


def fingerprint_bars(history: TradedHistory, through: np.datetime64) -> str:
    """Return the fingerprint of a symbol's bars up to a day."""
    stop = int(history.dates.searchsorted(through, side="right"))
    bars = Bars(*(getattr(history.bars, name)[:stop] for name in Bars.__dataclass_fields__))
    spread = None if history.half_spread is None else history.half_spread[:stop]
    known = History(history.symbol, history.dates[:stop], bars, half_spread=spread)
    return known.content_version()


class KnownBarsUpdate:
    """Compares the bars of a night with those that were known, and takes note of the new ones.

    Parameters
    ----------
    symbols
        Of the universe, in its order.
    known
        What was known; None for nothing.

    Attributes
    ----------
    revised
        Symbols whose known bars are not what they were.
    late
        Symbols with bars of days that were recorded without them.
    """

    def __init__(self, symbols: Sequence[str], known: KnownBars | None) -> None:
        self._symbols, self._known = tuple(symbols), known
        self.through = np.full(len(symbols), np.datetime64("NaT", "D"))
        if known is not None:
            self.through[:] = known.through
        self._versions = list(known.versions) if known else [""] * len(symbols)
        self.revised: list[str] = []
        self.late: list[str] = []

    def find_late(self, place: int, dates: NDArray[np.datetime64]) -> tuple[int, int]:
        """Return where a symbol's late bars begin, and where its new ones do.

        Late are bars after the last one that was recorded, on or before the last day that was.
        """
        if self._known is None:
            return len(dates), len(dates)
        fresh = int(dates.searchsorted(np.datetime64(self._known.session), side="right"))
        if np.isnat(self.through[place]):  # it joins with its first new bar
            return fresh, fresh
        return min(int(dates.searchsorted(self.through[place], side="right")), fresh), fresh

    def add(self, place: int, history: TradedHistory) -> None:
        """Compare a symbol's bars with the known ones; those that are new are known from now on."""
        through, last = self.through[place], history.dates[-1]
        is_known = not np.isnat(through)
        if is_known and fingerprint_bars(history, through) != self._versions[place]:
            self.revised.append(history.symbol)
        late, fresh = self.find_late(place, history.dates)
        if late < fresh:
            self.late.append(history.symbol)
        if self._known is None or fresh < len(history.dates):
            through = self.through[place] = last
        if not np.isnat(through):
            self._versions[place] = fingerprint_bars(history, through)

    def finish(self, session: date) -> KnownBars:
        """Return what is known once the days up to a session are recorded."""
        return KnownBars(session, self._symbols, self.through, tuple(self._versions))
