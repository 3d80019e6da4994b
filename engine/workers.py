"""Blocks on several processes.

Processes, not threads: TA-Lib holds the interpreter's lock while it computes, and two threads
took as long as one. Bars travel through files that both sides map into memory, so that they are
copied once and not pickled, piped and unpickled.
"""

import contextlib
import ctypes
import multiprocessing
import threading
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, fields, replace
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from engine.blocks import Block, BlockOutcome, Chunk, run_block
from engine.errors import WorkersLostError
from engine.history import TradedHistory
from engine.simulation import TRADE, Trades
from strategies.base import Bars

_FIELDS = tuple(field.name for field in fields(Bars))

# Of malloc.h, and the bytes that may lie unused before a process of the pool gives any back.
_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3
_KEPT = 256_000_000

# Blocks that wait for each process: while it computes one, the next one is there.
_WAITING = 6

# Chunks that may be done before the one that comes first; more would only fill memory.
_AHEAD = 32


class Workers:
    """A number of processes that run blocks, this one among them; started on first use.

    This process computes whatever the others have no room for: nothing has to be sent for that,
    and it would only wait otherwise.
    """

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
        WorkersLostError
            When a process was killed, for instance for want of memory, or could not start.
        """
        if self._pool is None:
            self._pool = _Pool(self.count - 1)
        pool = self._pool
        ahead: deque[tuple[Chunk, list[_Sent | BlockOutcome]]] = deque()
        try:
            for chunk in chunks:
                ahead.append((chunk, [pool.give_or_run(block) for _, _, block in chunk.blocks]))
                while ahead and (len(ahead) > _AHEAD or all(map(_is_done, ahead[0][1]))):
                    first, several = ahead.popleft()
                    yield first, [pool.take(one) for one in several]
            while ahead:
                first, several = ahead.popleft()
                yield first, [pool.take(one) for one in several]
        except BrokenProcessPool as error:
            self.close()
            raise WorkersLostError(
                "A worker process died: it was killed, for want of memory perhaps, or could not "
                'start, because the program has no `if __name__ == "__main__":`. What it printed '
                "says more. With workers=1 there are no other processes."
            ) from error
        finally:
            # Whoever stops in between leaves blocks behind that still read their bars.
            for _, several in ahead:
                for one in several:
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
        self._executor = ProcessPoolExecutor(count, context, initializer=_keep_memory)
        self._count = count
        self._given: list[_Sent] = []
        self._folder = TemporaryDirectory(prefix="gauntlet-bars-")
        self._free: list[_Slab] = []
        self._made = 0
        # Several threads may run batches on one engine.
        self._lock = threading.Lock()

    def give_or_run(self, block: Block) -> "_Sent | BlockOutcome":
        """Hand a block to a process that is about to be idle; run it here if there is none."""
        if not _is_importable(block):
            return run_block(block)
        with self._lock:
            self._given = [sent for sent in self._given if not sent.future.done()]
            if len(self._given) < _WAITING * self._count:
                self._given.append(self._send(block))
                return self._given[-1]
        return run_block(block)

    def take(self, block: "_Sent | BlockOutcome") -> BlockOutcome:
        """Return what a block gave, once it is done."""
        if isinstance(block, BlockOutcome):
            return block
        try:
            outcome, trades = block.future.result()
            if trades is None:
                return outcome
            return replace(outcome, trades=block.slab.take(trades))
        finally:
            self._free.append(block.slab)

    def abandon(self, block: "_Sent | BlockOutcome") -> None:
        """See that nobody reads a block's bars any more."""
        if isinstance(block, _Sent):
            if not block.future.cancel():
                block.future.exception()
            self._free.append(block.slab)

    def _send(self, block: Block) -> "_Sent":
        slab = self._slab(sum(_rows(history) for history in block.histories))
        places, start = [], 0
        for history in block.histories:
            place = _Place(history.symbol, history.first, start, len(history.dates))
            place.write(slab.numbers, history)
            places.append(place)
            start += _rows(history)
        bare = replace(block, histories=())
        return _Sent(self._executor.submit(_run, slab.path, places, bare), slab)

    def close(self) -> None:
        """End the processes and remove the files."""
        self._executor.shutdown(cancel_futures=True)
        self._free.clear()
        self._folder.cleanup()

    def _slab(self, length: int) -> "_Slab":
        for slab in self._free:
            if len(slab.numbers) >= length:
                self._free.remove(slab)
                return slab
        self._made += 1
        path = str(Path(self._folder.name) / f"{self._made}.bin")
        numbers = np.memmap(path, dtype=np.float64, mode="w+", shape=(length,))
        return _Slab(path, numbers.view(np.ndarray))


def _is_importable(block: Block) -> bool:
    """Whether another process can find the strategies: not those written in a notebook."""
    return all(type(strategy).__module__ != "__main__" for strategy in block.strategies)


def _is_done(block: "_Sent | BlockOutcome") -> bool:
    return isinstance(block, BlockOutcome) or block.future.done()


def _rows(history: TradedHistory) -> int:
    """Return how many numbers a history is: its days, and each field of its bars."""
    return (1 + len(_FIELDS)) * len(history.dates)


@dataclass(frozen=True)
class _Sent:
    """A block on its way, and the file that its bars are in."""

    future: "Future[_Answer]"
    slab: "_Slab"


@dataclass(frozen=True, eq=False)
class _Slab:
    """A file of numbers that other processes see as they are written: bars, and then trades."""

    path: str
    numbers: np.ndarray

    def put(self, trades: Trades) -> bool:
        """Write trades over the bars, if there is room; as bytes, what lies between fields too."""
        if trades.nbytes > self.numbers.nbytes:
            return False
        self.numbers.view(np.uint8)[: trades.nbytes] = trades.view(np.uint8)
        return True

    def take(self, count: int) -> Trades:
        """Return a copy of the `count` trades that were put here."""
        return self.numbers.view(np.uint8)[: count * TRADE.itemsize].copy().view(TRADE)


@dataclass(frozen=True)
class _Place:
    """Where a history's rows begin in the file: its dates, and then each field of its bars."""

    symbol: str
    first: int
    start: int
    bars: int

    def write(self, numbers: np.ndarray, history: TradedHistory) -> None:
        """Write a history into its rows."""
        dates, *values = self._rows_of(numbers)
        dates.view("datetime64[D]")[:] = history.dates
        for row, name in zip(values, _FIELDS, strict=True):
            row[:] = getattr(history.bars, name)

    def read(self, numbers: np.ndarray) -> TradedHistory:
        """Return the history that its rows are; nobody may write into them."""
        rows = self._rows_of(numbers)
        rows.setflags(write=False)
        dates, *values = rows
        return TradedHistory(self.symbol, dates.view("datetime64[D]"), Bars(*values), self.first)

    def _rows_of(self, numbers: np.ndarray) -> np.ndarray:
        stop = self.start + (1 + len(_FIELDS)) * self.bars
        return numbers[self.start : stop].reshape(-1, self.bars)


def _keep_memory() -> None:
    """Let this process keep the memory of one block for the next.

    glibc hands it back to the system after each, and what comes back has to be zeroed: 350 page
    faults a symbol of ten years, a quarter of the time. Other C libraries have no such call.
    """
    with contextlib.suppress(OSError, AttributeError):
        mallopt = ctypes.CDLL(None).mallopt
        for threshold in (_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD):
            mallopt(threshold, _KEPT)


_Answer = tuple[BlockOutcome, int | None]
"""What a block gave; its trades are in the slab, so many of them, unless that is None."""


def _run(path: str, places: Sequence[_Place], bare: Block) -> _Answer:
    """Run a block whose bars are in a slab, and leave its trades there; in a process of the pool.

    When it is done the bars are needed no more. Through the pipe, trades would be nine tenths of
    all that is sent back.
    """
    slab = _mapped(path)
    outcome = run_block(replace(bare, histories=[place.read(slab.numbers) for place in places]))
    if slab.put(outcome.trades):
        return replace(outcome, trades=outcome.trades[:0]), len(outcome.trades)
    return outcome, None


@cache
def _mapped(path: str) -> _Slab:
    """Return a slab; mapped once, since mapping anew would fault each page in anew."""
    return _Slab(path, np.memmap(path, dtype=np.float64, mode="r+").view(np.ndarray))
