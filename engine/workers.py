"""Blocks on several processes.

Processes, not threads: TA-Lib holds the interpreter's lock while it computes, and so do half of
the NumPy calls on one symbol's bars. Bars travel through files that both sides map into memory,
because sending them through a pipe costs a third of what the second core earns.
"""

import contextlib
import multiprocessing
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
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
    """A pool of processes that run blocks; started on first use, ended by `close`."""

    def __init__(self, count: int) -> None:
        self.count = count
        self._folder: TemporaryDirectory[str] | None = None
        self._executor: ProcessPoolExecutor | None = None
        self._free: list[np.memmap] = []

    @property
    def started(self) -> bool:
        """Whether the processes are there, so that using them costs no start."""
        return self._executor is not None

    def run(self, chunks: Iterable[Chunk]) -> Iterator[tuple[Chunk, list[BlockOutcome]]]:
        """Yield each chunk with what its blocks gave, in the order given.

        Raises
        ------
        concurrent.futures.process.BrokenProcessPool
            When a process was killed, for instance for want of memory.
        """
        ahead: deque[tuple[Chunk, list[_Sent]]] = deque()
        try:
            for chunk in chunks:
                ahead.append((chunk, [self._send(block) for _, _, block in chunk.blocks]))
                if sum(len(sent) for _, sent in ahead) > _AHEAD * self.count:
                    yield self._receive(*ahead.popleft())
            while ahead:
                yield self._receive(*ahead.popleft())
        finally:
            # Whoever stops in between leaves blocks behind that still read their bars.
            for _, several in ahead:
                for sent in several:
                    sent.future.cancel()
                    with contextlib.suppress(Exception):
                        self._outcome(sent)

    def close(self) -> None:
        """End the processes and remove the files."""
        if self._executor is not None:
            self._executor.shutdown(cancel_futures=True)
        self._executor = None
        self._free.clear()
        if self._folder is not None:
            self._folder.cleanup()
        self._folder = None

    def _receive(
        self, chunk: Chunk, several: Sequence["_Sent"]
    ) -> tuple[Chunk, list[BlockOutcome]]:
        return chunk, [self._outcome(sent) for sent in several]

    def _outcome(self, sent: "_Sent") -> BlockOutcome:
        try:
            return sent.future.result()
        finally:
            self._free.append(sent.slab)

    def _send(self, block: Block) -> "_Sent":
        if self._executor is None:
            self._folder = TemporaryDirectory(prefix="gauntlet-bars-")
            context = multiprocessing.get_context("spawn")
            self._executor = ProcessPoolExecutor(self.count, context)
        length = (len(_FIELDS) + 1) * sum(len(history.dates) for history in block.histories)
        slab = self._slab(length)
        places, start = [], 0
        for history in block.histories:
            bars = len(history.dates)
            rows = slab[start : start + (len(_FIELDS) + 1) * bars].reshape(-1, bars)
            rows[0] = history.dates.astype("datetime64[D]").view(np.float64)
            for row, name in zip(rows[1:], _FIELDS, strict=True):
                row[:] = getattr(history.bars, name)
            places.append(_Place(history.symbol, history.first, start, bars))
            start += rows.size
        bare = replace(block, histories=())
        return _Sent(self._executor.submit(_run, str(slab.filename), places, bare), slab)

    def _slab(self, length: int) -> np.memmap:
        """Return a file of at least `length` numbers that nobody is reading."""
        for place, slab in enumerate(self._free):
            if len(slab) >= length:
                return self._free.pop(place)
        path = Path(self._folder.name) / f"{len(list(Path(self._folder.name).iterdir()))}.bin"
        return np.memmap(path, dtype=np.float64, mode="w+", shape=(length,))


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

    def history(self, numbers: np.ndarray) -> TradedHistory:
        rows = numbers[self.start : self.start + (len(_FIELDS) + 1) * self.bars]
        dates, *values = rows.reshape(-1, self.bars)
        return TradedHistory(self.symbol, dates.view("datetime64[D]"), Bars(*values), self.first)


def _run(path: str, places: Sequence[_Place], bare: Block) -> BlockOutcome:
    """Run a block whose bars are in a file; in a process of the pool."""
    numbers = np.memmap(path, dtype=np.float64, mode="r").view(np.ndarray)
    return run_block(replace(bare, histories=[place.history(numbers) for place in places]))
