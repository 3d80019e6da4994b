"""Blocks on several processes.

Processes, not threads: TA-Lib holds the interpreter's lock while it computes, and two threads took
as long as one. Not joblib: this process would only send, and what it sends is pickled.
"""

import multiprocessing
import threading
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import replace
from functools import partial
from itertools import count
from multiprocessing.reduction import ForkingPickler
from pathlib import Path
from tempfile import TemporaryDirectory

from engine.batches import Batch
from engine.blocks import Block, BlockOutcome, run_block
from engine.errors import WorkersLostError
from engine.malloc import keep_memory
from engine.shared_file import SharedFile, SharedHistory, count_numbers

# Bars times backtests to compute before other processes start: a second of work, as long as they
# take to start.
_WORTH_A_START = 10_000_000

# Blocks that each process has, the one it computes included: it never waits for the next one.
_QUEUED_PER_PROCESS = 3

# Batches that may be finished before the one that is next in order; more would only fill memory.
_AHEAD = 32

_BatchOutcomes = tuple[Batch, list[BlockOutcome]]


class Workers:
    """A number of processes that run blocks, this one among them.

    The others start when the work has proved large, and stay. This process computes whatever they
    have no room for: nothing is sent for that, and it would only wait otherwise.
    """

    def __init__(self, processes: int) -> None:
        self._processes = processes
        self._pool: _Pool | None = None
        # Several threads may run batches on one engine; so in the pool.
        self._lock = threading.Lock()

    def run(self, batches: Iterator[Batch]) -> Iterator[_BatchOutcomes]:
        """Yield each batch with the outcomes of its blocks, in the order given.

        Raises
        ------
        WorkersLostError
            When a process was killed, for instance for lack of memory, or could not start.
        """
        done = 0
        while self._processes == 1 or (self._pool is None and done < _WORTH_A_START):
            batch = next(batches, None)
            if batch is None:
                return
            yield batch, [run_block(block) for block in batch.blocks]
            done += sum(block.size for block in batch.blocks)
        try:
            yield from _share(batches, self._start())
        except BrokenProcessPool as error:
            self.close()
            raise WorkersLostError(
                "A worker process died: it was killed, perhaps for lack of memory, or could not "
                'start, because the program has no `if __name__ == "__main__":`. What it printed '
                "says more. With workers=1 there are no other processes."
            ) from error

    def close(self) -> None:
        """End the other processes and remove their files."""
        with self._lock:
            pool, self._pool = self._pool, None
        if pool is not None:
            pool.close()

    def _start(self) -> "_Pool":
        with self._lock:
            self._pool = self._pool or _Pool(self._processes - 1)
            return self._pool


def _share(batches: Iterator[Batch], pool: "_Pool") -> Iterator[_BatchOutcomes]:
    ahead: deque[tuple[Batch, list[Future[BlockOutcome]]]] = deque()
    for batch in batches:
        ahead.append((batch, [pool.run(block) for block in batch.blocks]))
        while ahead and (len(ahead) > _AHEAD or all(one.done() for one in ahead[0][1])):
            first, outcomes = ahead.popleft()
            yield first, [one.result() for one in outcomes]
    for batch, outcomes in ahead:
        yield batch, [one.result() for one in outcomes]


class _Pool:
    """Other processes, and the files that they share with this one."""

    def __init__(self, processes: int) -> None:
        # Fork would copy the locks that other threads of a run hold at that moment.
        spawn = multiprocessing.get_context("spawn")
        self._executor = ProcessPoolExecutor(processes, spawn, keep_memory)
        self._room = _QUEUED_PER_PROCESS * processes
        self._running: set[SharedFile] = set()
        self._free: list[SharedFile] = []
        self._folder = TemporaryDirectory(prefix="gauntlet-bars-")
        self._numbers = count()
        self._lock = threading.Lock()

    def run(self, block: Block) -> "Future[BlockOutcome]":
        """Hand a block to a process that is about to be idle; run it here if there is none."""
        outcome: Future[BlockOutcome] = Future()
        room = len(self._running) < self._room
        packed = _pack(replace(block, histories=())) if room else None
        if packed is None:
            outcome.set_result(run_block(block))
            return outcome
        file = self._find_file(count_numbers(block.histories))
        shared = file.put_histories(block.histories)
        self._running.add(file)
        sent = self._executor.submit(_run_shared, file.path, shared, packed)
        # The file becomes free even if the outcome is never taken.
        sent.add_done_callback(partial(self._finish, file, outcome))
        return outcome

    def close(self) -> None:
        """End the processes and remove the files."""
        self._executor.shutdown(cancel_futures=True)
        self._free.clear()
        self._folder.cleanup()

    def _find_file(self, size: int) -> SharedFile:
        with self._lock:
            for file in self._free:
                if len(file.numbers) >= size:
                    self._free.remove(file)
                    return file
        return SharedFile.create(Path(self._folder.name) / f"{next(self._numbers)}.bin", size)

    def _finish(
        self, file: SharedFile, outcome: "Future[BlockOutcome]", sent: "Future[_Answer]"
    ) -> None:
        try:
            made, trades = sent.result()
            outcome.set_result(
                made if trades is None else replace(made, trades=file.take_trades(trades))
            )
        except BaseException as error:  # noqa: BLE001 - raised again where the outcome is taken
            outcome.set_exception(error)
        self._running.discard(file)
        self._free.append(file)


_Answer = tuple[BlockOutcome, int | None]
"""An outcome; its trades are in the shared file, so many of them, unless that is None."""


def _pack(bare: Block) -> bytes | None:
    """Return a block as it is sent; None if another process could not read it.

    That is so for strategies defined in a notebook. Left to itself, the executor finds out in a
    thread of its own, and may then never end.
    """
    if any(type(strategy).__module__ == "__main__" for strategy in bare.strategies):
        return None
    try:
        return bytes(ForkingPickler.dumps(bare))
    except Exception:  # noqa: BLE001 - whatever a strategy's own code raises
        return None


def _run_shared(path: str, shared: Sequence[SharedHistory], packed: bytes) -> _Answer:
    """Run a block in another process, and put its trades where its bars were."""
    file = SharedFile.open(path)
    bare: Block = ForkingPickler.loads(packed)  # pyright: ignore[reportAttributeAccessIssue]
    outcome = run_block(replace(bare, histories=file.take_histories(shared)))
    if file.put_trades(outcome.trades):
        return replace(outcome, trades=outcome.trades[:0]), len(outcome.trades)
    return outcome, None
