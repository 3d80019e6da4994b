"""Chunks as tasks of Dask distributed, on workers of the driver's own edition."""

import logging
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import CancelledError
from dataclasses import dataclass, field, replace
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from engine.errors import MissingPackageError
from research.chunks import Chunk, ChunkFailure, ChunkOutcome
from resources.cluster.edition import describe_difference, from_resources, to_resources
from resources.cluster.errors import ClusterError
from resources.cluster.local_cluster import LocalCluster
from resources.cluster.task import Job, run_task
from resources.price_store.spans import HistorySpec
from strategies.errors import GauntletError

if TYPE_CHECKING:
    from distributed import Client, Future, Security

CONNECT_SECONDS = 30.0
WAIT_SECONDS = 180.0
"""For a first worker, or one after the last: autoscaling and restarts take their time."""
_SECONDS_BETWEEN_LOOKS = 1.0
# While chunks come without a pause: workers that have come meanwhile are to get some, too.
_BUSY_SECONDS_BETWEEN_LOOKS = 5.0
_ANSWER_SECONDS = 30.0
_UNANSWERED = 3
# A chunk that takes long would have the others wait in memory: so far ahead is computed.
_AHEAD_PER_WORKER = 8
_NAMED = 3
_LOST = (TimeoutError, OSError, CancelledError)


_log = logging.getLogger(__name__)


class LostChunkError(ClusterError):
    """A chunk that ended the worker which computed it, again and again."""


def build_security(tls: Path | None) -> "Security | None":
    """Return the certificates of a folder for client, scheduler and workers; None without one."""
    from distributed import Security

    if tls is None:
        return None
    cert, key = str(tls / "tls.crt"), str(tls / "tls.key")
    return Security(
        tls_ca_file=str(tls / "ca.crt"),
        require_encryption=True,
        **{f"tls_{who}_cert": cert for who in ("client", "scheduler", "worker")},
        **{f"tls_{who}_key": key for who in ("client", "scheduler", "worker")},
    )


def connect(address: str, tls: Path | None) -> "Client":
    """Return a client of a scheduler.

    Raises
    ------
    ClusterError
        When nobody answers there, or not with these certificates.
    MissingPackageError
        When Dask is not installed.
    """
    try:
        from distributed import Client
    except ImportError as error:
        raise MissingPackageError.of("GAUNTLET_CLUSTER", "cluster") from error
    # It warns of every worker that it loses, in lines of its own: the driver says what comes of it.
    logging.getLogger("distributed").setLevel(logging.CRITICAL)
    try:
        return Client(
            address, security=build_security(tls), timeout=CONNECT_SECONDS, set_as_default=False
        )
    except (TimeoutError, OSError, ValueError) as error:
        reason = " ".join(str(error.__cause__ or error).split())
        raise ClusterError(f"no scheduler answers at {address}: {reason}") from None


@dataclass
class DaskExecutor:
    """Computes chunks on a cluster of Dask, one per worker process at a time.

    Use it in a ``with`` statement, or `close` it.

    Parameters
    ----------
    wait_seconds
        Without a worker of this edition, after which the run fails.
    own
        The cluster, if the run started it on this machine.
    task
        What a worker does with a chunk; it is sent by its name.
    """

    client: "Client"
    job: Job
    wait_seconds: float = WAIT_SECONDS
    own: LocalCluster | None = None
    task: Callable[[Job, Chunk[HistorySpec]], ChunkOutcome] = run_task
    _done: "SimpleQueue[Future]" = field(default_factory=SimpleQueue)
    _running: "dict[Any, tuple[Future, Chunk[HistorySpec]]]" = field(default_factory=dict)
    _workers: int = 0
    _had_workers: bool = False
    _differing: set[str] = field(default_factory=set)
    _seen: float = field(default_factory=time.monotonic)
    _looked: float = field(default_factory=time.monotonic)
    _unanswered: int = 0

    def __post_init__(self) -> None:
        self._resources = to_resources(self.job.edition)
        self._name = f"gauntlet-{self.job.spec.run_id}-{uuid4().hex[:8]}"

    def __enter__(self) -> "DaskExecutor":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def run(self, chunks: Iterable[Chunk[HistorySpec]]) -> Iterator[ChunkOutcome | ChunkFailure]:
        """Yield what came of each chunk, as they are done.

        Raises
        ------
        ClusterError
            When there is no scheduler any more, or no worker of this edition.
        GauntletError
            What a worker has refused.
        """
        waiting = iter(chunks)
        following = next(waiting, None)
        if following is not None:
            self._await_workers()
        while following is not None or self._running:
            while following is not None and self._has_room(following.part):
                self._submit(following)
                following = next(waiting, None)
            if (future := self._next_done()) is not None:
                yield self._take(future)

    def close(self) -> None:
        """Cancel what runs: workers stop within seconds. Then leave the cluster."""
        try:
            futures = [future for future, _ in self._running.values()]
            if futures and self.client.status == "running":
                self.client.cancel(futures, force=True)
        finally:
            self._running.clear()
            self.client.close(timeout=_ANSWER_SECONDS)

    def _has_room(self, part: int) -> bool:
        oldest = min((chunk.part for _, chunk in self._running.values()), default=part)
        ahead = part - oldest < _AHEAD_PER_WORKER * max(1, self._workers)
        return ahead and len(self._running) < max(1, self._workers)

    def _submit(self, chunk: Chunk[HistorySpec]) -> None:
        key = f"{self._name}-{chunk.part}"
        symbols = [one.symbol for one in chunk.specs]
        chunk = replace(chunk, versions=self.job.files.hash_prices(symbols))
        future = self.client.submit(
            self.task, self.job, chunk, key=key, resources=self._resources, pure=False
        )
        self._running[key] = future, chunk
        future.add_done_callback(self._done.put)

    def _next_done(self) -> "Future | None":
        """Return a task that is done, None after a while; look after the workers meanwhile."""
        if time.monotonic() - self._looked > _BUSY_SECONDS_BETWEEN_LOOKS:
            self._look()
        try:
            return self._done.get(timeout=_SECONDS_BETWEEN_LOOKS)
        except Empty:
            self._look()
            return None

    def _take(self, future: "Future") -> ChunkOutcome | ChunkFailure:
        _, chunk = self._running[future.key]
        outcome = self._fetch(future, chunk)
        del self._running[future.key]
        future.release()
        return outcome

    def _fetch(self, future: "Future", chunk: Chunk[HistorySpec]) -> ChunkOutcome | ChunkFailure:
        """Return a result; one whose worker is gone meanwhile is computed again."""
        from distributed import KilledWorker

        try:
            return future.result(timeout=self.job.timeout + self.wait_seconds)
        except GauntletError:
            raise
        except KilledWorker as error:
            return ChunkFailure(chunk.part, LostChunkError(_describe_killer(chunk, error)))
        except Exception as error:
            # A task may raise what the connection to the scheduler raises, too.
            if isinstance(error, _LOST) and future.status != "error":
                raise ClusterError(self._describe_lost()) from error
            raise self._explain(error, chunk) from error

    def _explain(self, error: BaseException, chunk: Chunk[HistorySpec]) -> ClusterError:
        return ClusterError(
            f"{_name_symbols(chunk)} can't be computed on the cluster: "
            f"{type(error).__name__}: {' '.join(str(error).split())}"
        )

    def _await_workers(self) -> None:
        """Wait for a worker of this edition; one of another edition alone is refused at once."""
        while not self._look():
            time.sleep(_SECONDS_BETWEEN_LOOKS / 4)

    def _look(self) -> int:
        """Return how many workers of this edition there are.

        Raises
        ------
        ClusterError
            When the scheduler is gone, or all workers of this edition for a while, or when there
            was none yet and all that are there are of other editions.
        """
        workers, self._looked = self._ask(), time.monotonic()
        if workers is None:
            return self._workers
        editions = {name: from_resources(resources) for name, resources in workers.items()}
        differing = {
            name: describe_difference(self.job.edition, edition)
            for name, edition in editions.items()
        }
        self._workers = sum(not difference for difference in differing.values())
        if self._workers:
            self._seen, self._had_workers = time.monotonic(), True
            self._tell_idle({name: text for name, text in differing.items() if text})
            return self._workers
        if self.own:
            self.own.require_workers()
        too_long = time.monotonic() - self._seen > self.wait_seconds
        # One that was there comes again: its nanny starts it, or an autoscaler another one.
        if differing and (too_long or not self._had_workers):
            raise ClusterError(self._describe_differing(differing))
        if too_long:
            raise ClusterError(self._describe_missing())
        return 0

    def _tell_idle(self, differing: Mapping[str, str]) -> None:
        """Log, once, the workers of other editions beside those of this one: they get no chunk."""
        for name in differing.keys() - self._differing:
            _log.warning(
                f"the worker {name} gets no chunk, its edition is another: {differing[name]}"
            )
        self._differing |= differing.keys()

    def _ask(self) -> Mapping[str, Iterable[str]] | None:
        """Return the resources of each worker; None if the scheduler does not answer in time."""
        if self.client.status != "running" or self.client.scheduler is None:
            raise ClusterError(self._describe_lost())
        try:
            # `Client.scheduler_info` would wait for as long as it takes.
            known: Any = self.client.sync(
                self.client.scheduler.identity, n_workers=-1, callback_timeout=_ANSWER_SECONDS
            )
        except (TimeoutError, OSError):
            self._unanswered += 1
            if self._unanswered == _UNANSWERED or self.client.status != "running":
                raise ClusterError(self._describe_lost()) from None
            return None
        self._unanswered = 0
        return {name: one["resources"] for name, one in known["workers"].items()}

    @property
    def _address(self) -> str:
        return str(self.client.scheduler.addr) if self.client.scheduler else "its address"

    def _describe_lost(self) -> str:
        return (
            f"the scheduler at {self._address} is gone or can't be reached. What was computed is "
            "kept: start the cluster again and repeat the run, which goes on from there."
        )

    def _describe_missing(self) -> str:
        if self.own:
            return (
                f"no worker on this machine is ready for {self.wait_seconds:.0f} s: "
                f"{self.own.describe_workers()}"
            )
        return (
            f"the cluster at {self._address} has no worker for {self.wait_seconds:.0f} s: "
            "start some with python -m pipelines.cli.cluster_worker <scheduler>."
        )

    def _describe_differing(self, differing: Mapping[str, str]) -> str:
        name, difference = next(iter(differing.items()))
        return (
            f"none of the {len(differing)} workers at {self._address} is of this edition; {name}: "
            f"{difference}. Start workers with the same code and libraries on the same kind of "
            "processor."
        )


def _name_symbols(chunk: Chunk[HistorySpec]) -> str:
    names = [spec.symbol for spec in chunk.specs]
    if len(names) <= _NAMED:
        return f"chunk {chunk.part} ({', '.join(names)})"
    return f"chunk {chunk.part} ({names[0]} to {names[-1]}, {len(names)} symbols)"


def _describe_killer(chunk: Chunk[HistorySpec], error: Any) -> str:
    return (
        f"{_name_symbols(chunk)} ended its workers, the last of them {error.last_worker.address}: "
        "out of memory, crashed, or longer than GAUNTLET_CLUSTER_TIMEOUT."
    )
