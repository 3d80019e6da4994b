"""Blocks on several processes.

Processes, not threads: TA-Lib holds the interpreter's lock while it computes, and two threads
took as long as one. Bars travel through files that both sides map into memory, so that they are
copied once and not pickled, piped and unpickled.
"""

import multiprocessing
import threading
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, fields, replace
from functools import cache
from multiprocessing.reduction import ForkingPickler
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from engine.batches import Batch
from engine.blocks import Block, BlockOutcome, run_block
from engine.errors import WorkersLostError
from engine.history import TradedHistory
from engine.malloc import keep_memory
from engine.simulation import TRADE, Trades
from strategies.base import Bars

_FIELDS = tuple(field.name for field in fields(Bars))

# Blocks that wait for each process: while it computes one, the next one is there.
_WAITING = 6

# What has become of a block that was sent.
_WAITS, _BEGUN, _TAKEN_BACK = 0.0, 1.0, 2.0

# Batches that may be done before the one that comes first; more would only fill memory.
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

    def run(self, batches: Iterable[Batch]) -> Iterator[tuple[Batch, list[BlockOutcome]]]:
        """Yield each batch with what its blocks gave, in the order given.

        Raises
        ------
        WorkersLostError
            When a process was killed, for instance for want of memory, or could not start.
        """
        if self._pool is None:
            self._pool = _Pool(self.count - 1)
        pool = self._pool
        ahead: deque[_Ahead] = deque()
        try:
            for batch in batches:
                ahead.append((batch, [pool.give_or_run(block) for block in batch.blocks]))
                while ahead and (len(ahead) > _AHEAD or all(map(_is_done, ahead[0][1]))):
                    first, several = ahead.popleft()
                    yield first, [pool.take(one) for one in several]
            self._take_back(pool, ahead)
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

    @staticmethod
    def _take_back(pool: "_Pool", ahead: "deque[_Ahead]") -> None:
        """Run here what no process has begun, the last first: there is nothing else left to do."""
        for _, several in reversed(ahead):
            several[:] = map(pool.take_back_or_leave, reversed(several))
            several.reverse()

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
        self._executor = ProcessPoolExecutor(count, context, initializer=keep_memory)
        self._count = count
        self._given: list[_Sent] = []
        self._folder = TemporaryDirectory(prefix="gauntlet-bars-")
        self._free: list[_Slab] = []
        self._made = 0
        # Several threads may run batches on one engine.
        self._lock = threading.Lock()

    def give_or_run(self, block: Block) -> "_Sent | BlockOutcome":
        """Hand a block to a process that is about to be idle; run it here if there is none."""
        with self._lock:
            self._given = [sent for sent in self._given if not sent.future.done()]
            room = len(self._given) < _WAITING * self._count
            bare = _packed(replace(block, histories=())) if room else None
            if bare is not None:
                self._given.append(self._send(bare, block))
                return self._given[-1]
        return run_block(block)

    def take_back_or_leave(self, sent: "_Sent | BlockOutcome") -> "_Sent | BlockOutcome":
        """Run here a block that no process has begun."""
        if isinstance(sent, BlockOutcome) or not sent.slab.take_back():
            return sent
        sent.future.add_done_callback(lambda _: self._free.append(sent.slab))
        return run_block(sent.block)

    def take(self, sent: "_Sent | BlockOutcome") -> BlockOutcome:
        """Return what a block gave, once it is done."""
        if isinstance(sent, BlockOutcome):
            return sent
        try:
            outcome, trades = sent.future.result()
            return outcome if trades is None else replace(outcome, trades=sent.slab.take(trades))
        finally:
            self._free.append(sent.slab)

    def abandon(self, block: "_Sent | BlockOutcome") -> None:
        """See that nobody reads a block's bars any more."""
        if isinstance(block, _Sent):
            block.slab.take_back()
            block.future.exception()
            self._free.append(block.slab)

    def _send(self, bare: bytes, block: Block) -> "_Sent":
        slab = self._slab(sum(_rows(history) for history in block.histories))
        places, start = [], 0
        for history in block.histories:
            place = _Place(history.symbol, history.first, start, len(history.dates))
            place.write(slab.numbers, history)
            places.append(place)
            start += _rows(history)
        return _Sent(self._executor.submit(_run, slab.path, places, bare), slab, block)

    def close(self) -> None:
        """End the processes and remove the files."""
        self._executor.shutdown(cancel_futures=True)
        self._free.clear()
        self._folder.cleanup()

    def _slab(self, length: int) -> "_Slab":
        for slab in self._free:
            if len(slab.numbers) > length:
                self._free.remove(slab)
                slab.numbers[-1] = _WAITS
                return slab
        self._made += 1
        path = str(Path(self._folder.name) / f"{self._made}.bin")
        numbers = np.memmap(path, dtype=np.float64, mode="w+", shape=(length + 1,))
        return _Slab(path, numbers.view(np.ndarray))


def _packed(bare: Block) -> bytes | None:
    """Return a block as it travels; None where no other process could make it out.

    That is so with strategies written in a notebook. Left to itself, the executor would find out
    in a thread of its own, and may then never end.
    """
    if any(type(strategy).__module__ == "__main__" for strategy in bare.strategies):
        return None
    try:
        return bytes(ForkingPickler.dumps(bare))
    except Exception:  # noqa: BLE001 - whatever a strategy's own code raises
        return None


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
    block: Block


@dataclass(frozen=True, eq=False)
class _Slab:
    """A file of numbers that other processes see as they are written: bars, and then trades.

    The last number says whether the block has been begun, or taken back. It stands in for
    `Future.cancel`: up to Python 3.12 an executor whose process is killed stumbles over a
    cancelled future, and leaves its other processes running. Nothing locks it: a block that is
    taken back in the moment it is begun is run twice, and gives the same bits.
    """

    path: str
    numbers: np.ndarray

    def begin(self) -> bool:
        """Say that the block is being run, unless it has been taken back."""
        return self._turn(_BEGUN)

    def take_back(self) -> bool:
        """Say that the block is not wanted here any more, unless it has been begun."""
        return self._turn(_TAKEN_BACK)

    def _turn(self, state: float) -> bool:
        waits = bool(self.numbers[-1] == _WAITS)
        if waits:
            self.numbers[-1] = state
        return waits

    def put(self, trades: Trades) -> bool:
        """Write trades over the bars, if there is room; as bytes, what lies between fields too."""
        if trades.nbytes > self.numbers[:-1].nbytes:
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


_Ahead = tuple[Batch, list[_Sent | BlockOutcome]]
"""A batch, and each of its blocks: done, or on its way."""

_Answer = tuple[BlockOutcome, int | None]
"""What a block gave; its trades are in the slab, so many of them, unless that is None."""


def _run(path: str, places: Sequence[_Place], packed: bytes) -> _Answer:
    """Run a block whose bars are in a slab, and leave its trades there; in a process of the pool.

    When it is done the bars are needed no more. Through the pipe, trades would be nine tenths of
    all that is sent back.
    """
    slab = _mapped(path)
    if not slab.begin():
        raise _TakenBackError
    bare: Block = ForkingPickler.loads(packed)  # pyright: ignore[reportAttributeAccessIssue]
    outcome = run_block(replace(bare, histories=[place.read(slab.numbers) for place in places]))
    if slab.put(outcome.trades):
        return replace(outcome, trades=outcome.trades[:0]), len(outcome.trades)
    return outcome, None


class _TakenBackError(Exception):
    """The answer to a block that is not wanted any more, which nobody reads."""


@cache
def _mapped(path: str) -> _Slab:
    """Return a slab; mapped once, since mapping anew would fault each page in anew."""
    return _Slab(path, np.memmap(path, dtype=np.float64, mode="r+").view(np.ndarray))
