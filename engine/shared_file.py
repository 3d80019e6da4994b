"""A file that two processes map into memory: bars go one way through it, trades come back.

Through a pipe they would be pickled, written, read and unpickled: a tenth more processor time.
"""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from functools import cache
from pathlib import Path

import numpy as np

from engine.history import TradedHistory
from engine.simulation import TRADE, Trades
from strategies.base import Bars, Floats

_FIELDS = tuple(field.name for field in fields(Bars))

# Of a history: its dates, and each field of its bars.
_ROWS = 1 + len(_FIELDS)


@dataclass(frozen=True)
class SharedHistory:
    """A history whose arrays are in a shared file, after those before it."""

    symbol: str
    first: int
    bars: int
    bars_per_year: float


@dataclass(frozen=True, eq=False)
class SharedFile:
    """A mapped file of numbers: the bars of a block, and then its trades."""

    path: str
    numbers: Floats

    @classmethod
    def create(cls, path: Path, size: int) -> "SharedFile":
        """Return a new file with room for `size` numbers."""
        mapped = np.memmap(path, dtype=np.float64, mode="w+", shape=size)
        return cls(str(path), mapped.view(np.ndarray))

    @staticmethod
    @cache
    def open(path: str) -> "SharedFile":
        """Return a file that another process created; mapped once, for each page faults once."""
        return SharedFile(path, np.memmap(path, dtype=np.float64, mode="r+").view(np.ndarray))

    def put_histories(self, histories: Sequence[TradedHistory]) -> list[SharedHistory]:
        """Write histories, and return how to take them."""
        shared = [
            SharedHistory(one.symbol, one.first, len(one.dates), one.bars_per_year)
            for one in histories
        ]
        dates, *rows = self._select_rows(shared)
        np.concatenate([one.dates for one in histories], out=dates.view("datetime64[D]"))
        for name, row in zip(_FIELDS, rows, strict=True):
            np.concatenate([getattr(one.bars, name) for one in histories], out=row)
        return shared

    def take_histories(self, shared: Sequence[SharedHistory]) -> list[TradedHistory]:
        """Return the histories as read-only views."""
        rows = self._select_rows(shared)
        rows.setflags(write=False)
        histories, start = [], 0
        for one in shared:
            dates, *values = rows[:, start : start + one.bars]
            days = dates.view("datetime64[D]")
            bars, year = Bars(*values), one.bars_per_year
            histories.append(TradedHistory(one.symbol, days, bars, one.first, bars_per_year=year))
            start += one.bars
        return histories

    def put_trades(self, trades: Trades) -> bool:
        """Write trades over the bars, padding included; return whether there is room for them."""
        if trades.nbytes > self.numbers.nbytes:
            return False
        self.numbers.view(np.uint8)[: trades.nbytes] = trades.view(np.uint8)
        return True

    def take_trades(self, count: int) -> Trades:
        """Return a copy of the `count` trades that were put here."""
        return self.numbers.view(np.uint8)[: count * TRADE.itemsize].copy().view(TRADE)

    def _select_rows(self, shared: Sequence[SharedHistory]) -> Floats:
        bars = sum(one.bars for one in shared)
        return self.numbers[: _ROWS * bars].reshape(_ROWS, bars)


def count_numbers(histories: Sequence[TradedHistory]) -> int:
    """Return how many numbers histories take in a file."""
    return _ROWS * sum(len(one.dates) for one in histories)
