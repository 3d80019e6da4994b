"""Blocks on several processes.

Processes, not threads: TA-Lib holds the interpreter's lock while it computes, and so do half of
the NumPy calls on one symbol's bars. Bars travel through files that both sides map into memory,
because sending them through a pipe costs a third of what the second core earns.
"""

import multiprocessing
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, fields, replace
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from engine.blocks import Block, BlockOutcome, Chunk, run_block
from engine.history import TradedHistory
from strategies.base import Bars

_FIELDS = tuple(field.name for field in fields(Bars))

# Blocks handed out ahead of the one that is waited for, a process: while one is computed, the
# next one is there.
_AHEAD = 2


class Workers:
    """A number of processes that run blocks; started on first use, ended by `close`."""

    def __init__(self, count: int) -> None:
        self.count = count
        self._pool: _Pool | None = None

    @property
    def started(self) -> bool:
        """Whether the processes are there, so that using them costs no start."""
        return self._pool is not None

    def run(self, chunks: Iterable[Chunk]) -> Iterator[tuple[Chunk, list[BlockOutcome]]]:
        """Yield each chunk with what its blocks gave, in the order given.

        Raises
        ------
        concurrent.futures.process.BrokenProcessPool
            When a process was killed, for instance for want of memory.
        """
        if self._pool is None:
            self._pool = _Pool(self.count)
        pool = self._pool
        ahead: deque[tuple[Chunk, list[_Sent]]] = deque()
        try:
            for chunk in chunks:
                ahead.append((chunk, [pool.send(block) for _, _, block in chunk.blocks]))
                if sum(len(sent) for _, sent in ahead) > _AHEAD * self.count:
                    first, sent = ahead.popleft()
                    yield first, [pool.receive(one) for one in sent]
            while ahead:
                first, sent = ahead.popleft()
                yield first, [pool.receive(one) for one in sent]
        except BrokenProcessPool:
            self.close()
            raise
        finally:
            # Whoever stops in between leaves blocks behind that still read their bars.
            for _, sent in ahead:
                for one in sent:
                    pool.abandon(one)

    def close(self) -> None:
        """End the processes and remove their files."""
        if self._pool is not None:
            self._pool.close()
        self._pool = None


class _Pool:
    """Running processes, and the files through which they see bars."""

    def __init__(self, count: int) -> None:
        # Fork would copy the locks that other threads of a run hold at that moment.
        context = multiprocessing.get_context("spawn")
        self._executor = ProcessPoolExecutor(count, context)
        self._folder = TemporaryDirectory(prefix="gauntlet-bars-")
        self._free: list[np.memmap] = []
        self._made = 0

    def send(self, block: Block) -> "_Sent":
        """Hand a block out; its bars go into a file that nobody is reading."""
        slab = self._slab(sum(_rows(history) for history in block.histories))
        places, start = [], 0
        for history in block.histories:
            place = _Place(history.symbol, history.first, start, len(history.dates))
            place.write(slab, history)
            places.append(place)
            start += _rows(history)
        bare = replace(block, histories=())
        return _Sent(self._executor.submit(_run, str(slab.filename), places, bare), slab)

    def receive(self, sent: "_Sent") -> BlockOutcome:
        """Wait for what a block gave."""
        try:
            return sent.future.result()
        finally:
            self._free.append(sent.slab)

    def abandon(self, sent: "_Sent") -> None:
        """See that nobody reads a block's bars any more."""
        if not sent.future.cancel():
            sent.future.exception()
        self._free.append(sent.slab)

    def close(self) -> None:
        self._executor.shutdown(cancel_futures=True)
        self._free.clear()
        self._folder.cleanup()

    def _slab(self, length: int) -> np.memmap:
        for place, slab in enumerate(self._free):
            if len(slab) >= length:
                return self._free.pop(place)
        self._made += 1
        path = Path(self._folder.name) / f"{self._made}.bin"
        return np.memmap(path, dtype=np.float64, mode="w+", shape=(length,))


def _rows(history: TradedHistory) -> int:
    """Return how many numbers a history is: its days, and each field of its bars."""
    return (1 + len(_FIELDS)) * len(history.dates)


@dataclass(frozen=True)
class _Sent:
    """A block on its way, and the file that its bars are in."""

    future: Future[BlockOutcome]
    slab: np.memmap


@dataclass(frozen=True)
class _Place:
    """Where a history's rows begin in the file: its dates, and then each field of its bars."""

    symbol: str
    first: int
    start: int
    bars: int

    def write(self, numbers: np.ndarray, history: TradedHistory) -> None:
        dates, *values = self._rows_of(numbers)
        dates.view("datetime64[D]")[:] = history.dates
        for row, name in zip(values, _FIELDS, strict=True):
            row[:] = getattr(history.bars, name)

    def read(self, numbers: np.ndarray) -> TradedHistory:
        dates, *values = self._rows_of(numbers)
        return TradedHistory(self.symbol, dates.view("datetime64[D]"), Bars(*values), self.first)

    def _rows_of(self, numbers: np.ndarray) -> np.ndarray:
        stop = self.start + (1 + len(_FIELDS)) * self.bars
        return numbers[self.start : stop].reshape(-1, self.bars)


def _run(path: str, places: Sequence[_Place], bare: Block) -> BlockOutcome:
    """Run a block whose bars are in a file; in a process of the pool."""
    numbers = np.memmap(path, dtype=np.float64, mode="r").view(np.ndarray)
    return run_block(replace(bare, histories=[place.read(numbers) for place in places]))
