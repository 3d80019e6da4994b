"""What a cluster promises, with a real scheduler and three real workers, some of them killed."""

import os
import pickle
import signal
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from uuid import uuid4

import polars as pl
import psutil
import pytest

from research.chunks import Chunk, ChunkFailure, ChunkOutcome
from research.errors import DifferentBitsError
from research.run_spec import RunSpec
from resources.cluster.dask_executor import DaskExecutor
from resources.cluster.errors import ClusterError, EditionError
from resources.cluster.shared_files import SharedFiles
from resources.cluster.task import Job, run_task
from resources.price_store.stored_prices import StoredPrices
from resources.run_artifacts.stored_backtests import StoredBacktests
from strategies.base import Strategy
from tests.cluster_runs import (
    SOURCE,
    STRATEGIES,
    Done,
    Shared,
    list_names,
    read_files,
    run,
    wanted,
)
from tests.cluster_trouble import LIE, Trouble, plant
from tests.resources.cluster.conftest import WORKERS, Hosts, host_of, is_alive, read_pids, until

SYMBOLS = [f"S{number:02}" for number in range(12)]
CHUNK = 2
TROUBLED = SYMBOLS[5]
"""In the third chunk, with S04."""


@pytest.fixture(scope="module")
def prices(tmp_path_factory: pytest.TempPathFactory) -> str:
    root = str(tmp_path_factory.mktemp("prices"))
    Shared.made(root, "", SYMBOLS)
    return root


@dataclass
class Case:
    """A run of the same strategies here and on the cluster."""

    cluster: Hosts
    here: Shared
    there: Shared
    strategies: Sequence[Strategy]
    run_id: str

    def spec(self) -> RunSpec:
        return self.here.spec(self.run_id, self.strategies, SYMBOLS)

    def compute_here(self) -> Done:
        return run(self.here, self.spec(), SYMBOLS, CHUNK, None)

    def compute_there(self, timeout: float = 600.0) -> Done:
        spec = self.spec()
        with self.cluster.execute(spec, self.there, timeout) as executor:
            return run(self.there, spec, SYMBOLS, CHUNK, executor)

    def plant(self, what: str, times: int = 1, symbol: str = TROUBLED) -> Path:
        bars = self.here.prices.read(SOURCE, symbol)
        close = bars["close"][-1] * bars["adjustment"][-1]
        return plant(self.cluster.trouble, close, what, times)

    def assert_same(self, done: Done) -> None:
        """Rows, files and failures are those of this process, to the bit."""
        expected = self.compute_here()
        assert pl.concat(done.rows).equals(pl.concat(expected.rows))
        assert done.failures == expected.failures
        assert read_files(self.there, self.run_id) == read_files(self.here, self.run_id)

    def count_uncommitted(self) -> int:
        return self.there.files.remove_uncommitted(self.run_id)


@pytest.fixture
def case(cluster: Hosts, prices: str, tmp_path: Path) -> Case:
    here, there = (Shared.made(prices, str(tmp_path / one), []) for one in ("here", "there"))
    return Case(cluster, here, there, (*STRATEGIES, Trouble()), str(uuid4()))


@dataclass
class Backwards:
    """An executor that is given the last chunk first, and few at a time."""

    executor: DaskExecutor

    def run(self, chunks: Iterable[Chunk[Any]]) -> Iterator[ChunkOutcome | ChunkFailure]:
        for chunk in reversed(list(chunks)):
            yield from self.executor.run([chunk])

    def close(self) -> None:
        self.executor.close()


def test_results_are_the_same_bits_as_in_process(case: Case):
    case.assert_same(case.compute_there())


def test_results_do_not_depend_on_order_and_number_of_workers(case: Case):
    spec = case.spec()
    with case.cluster.execute(spec, case.there) as executor:
        case.assert_same(run(case.there, spec, SYMBOLS, CHUNK, Backwards(executor)))


def test_a_bucket_gives_the_same_bits(case: Case, s3_server: str, monkeypatch: pytest.MonkeyPatch):
    from tests.resources.cluster.conftest import s3_environment

    s3fs, fsspec = pytest.importorskip("s3fs"), pytest.importorskip("fsspec")
    for name, value in s3_environment(s3_server).items():
        monkeypatch.setenv(name, value)
    s3fs.S3FileSystem.clear_instance_cache()
    bucket = f"bucket-{uuid4().hex}"
    fsspec.filesystem("s3").mkdir(bucket)
    case.there = Shared.made(f"s3://{bucket}/prices", f"s3://{bucket}/backtests", SYMBOLS)
    case.assert_same(case.compute_there())
    s3fs.S3FileSystem.clear_instance_cache()


def test_a_symbol_that_fails_is_that_symbols_failure(case: Case, tmp_path: Path):
    for shared in (case.here, case.there):
        shared.prices.root = str(tmp_path / "prices")
    Shared.made(case.here.prices.root, "", SYMBOLS)
    Path(case.here.prices.path_of(SOURCE, TROUBLED)).write_bytes(b"no bars")
    done = case.compute_there()
    assert [one.symbol for one in done.failures] == [TROUBLED]
    case.assert_same(done)


def test_a_strategy_that_raises_fails_on_that_symbol_alone(case: Case):
    case.plant("raise", times=9)
    done = case.compute_there()
    (failure,) = done.failures
    assert (failure.symbol, failure.strategy) == (TROUBLED, "cluster_trouble")
    assert pl.concat(done.rows).height == len(SYMBOLS) * len(case.strategies) - 1


def test_chunks_of_a_killed_worker_are_redone(case: Case):
    met = case.plant("kill")
    case.assert_same(case.compute_there())
    assert len(set(read_pids(met))) == 2


def test_a_worker_that_hangs_is_given_up_and_its_chunk_redone(case: Case):
    met = case.plant("hang")
    case.assert_same(case.compute_there(timeout=60.0))
    assert len(set(read_pids(met))) == 2


def test_a_worker_out_of_memory_is_replaced(case: Case):
    met = case.plant("eat")
    case.assert_same(case.compute_there())
    assert len(set(read_pids(met))) == 2


def test_a_chunk_that_kills_two_workers_is_a_named_failure(case: Case):
    met = case.plant("kill", times=99)
    done = case.compute_there()
    assert [one.symbol for one in done.failures] == SYMBOLS[4:6]
    assert {one.error_class for one in done.failures} == {"LostChunkError"}
    assert "chunk 2 (S04, S05) ended its workers" in done.failures[0].message
    assert done.symbols == [*SYMBOLS[:4], *SYMBOLS[6:]]
    assert len(read_pids(met)) == 2


def test_a_result_lost_with_its_worker_may_kill_others(case: Case):
    with case.cluster.execute(case.spec(), case.there) as executor:
        executor._submit(_chunk(case, 2))
        future = executor._done.get()
        met = case.plant("kill", times=99)
        _kill_owner(executor, future.key)
        outcome = executor._take(future)
    assert isinstance(outcome, ChunkFailure)
    assert str(outcome.error).startswith("chunk 2 (S04, S05) ended its workers, the last of them ")
    assert len(read_pids(met)) == 2


def test_an_error_of_a_repeated_chunk_names_the_chunk(case: Case):
    with case.cluster.execute(case.spec(), case.there) as executor:
        executor.task = _succeed_once
        executor._submit(_chunk(case, 2))
        future = executor._done.get()
        _kill_owner(executor, future.key)
        with pytest.raises(
            ClusterError,
            match=r"^chunk 2 \(S04, S05\) can't be computed on the cluster: OSError: disk failed$",
        ):
            executor._take(future)


def _succeed_once(job: Job, _: Chunk[Any]) -> Any:
    met = Path(job.files.backtests) / "met"
    met.parent.mkdir(parents=True, exist_ok=True)
    if met.exists():
        raise OSError("disk failed")
    met.touch()


def _kill_owner(executor: DaskExecutor, key: Any) -> None:
    """Kill the worker that holds the result of a task."""
    pids: Any = executor.client.run(os.getpid)
    owners: Any = executor.client.who_has()
    (owner,) = owners[key]
    psutil.Process(pids[owner]).kill()


def test_workers_that_are_stopped_hand_their_chunk_on(case: Case):
    met = case.plant("wait", times=99)
    spec = case.spec()
    with case.cluster.execute(spec, case.there) as executor:

        def stop(chunks: Iterable[Chunk[Any]]) -> Iterator[Chunk[Any]]:
            for chunk in chunks:
                yield chunk
                if chunk.part == 2:
                    for number in range(WORKERS - 1):
                        _stop_host(met, number)
                    (case.cluster.trouble / "go").touch()

        executor_run = executor.run
        executor.run = lambda chunks: executor_run(stop(chunks))  # pyright: ignore[reportAttributeAccessIssue]
        done = run(case.there, spec, SYMBOLS, CHUNK, executor)
    case.assert_same(done)
    assert len(set(read_pids(met))) == WORKERS


def _stop_host(met: Path, number: int) -> None:
    """Stop the host that has met a trouble as an autoscaler does, and wait for its end."""
    until(lambda: len(read_pids(met)) > number)
    host = host_of(read_pids(met)[number])
    host[0].terminate()
    until(lambda: not any(is_alive(one) for one in host))


def test_a_frozen_host_that_comes_back_changes_nothing(case: Case):
    """Whether it still writes is not certain: Dask may end it first, on its first look around.

    That what is written late has a name of its own, and overwrites nothing, is shown by
    `test_a_late_attempt_changes_nothing_that_is_committed` in `tests/resources/run_artifacts`.
    """
    met, frozen = case.plant("wait"), []
    spec = case.spec()
    with case.cluster.execute(spec, case.there) as executor, _ended(frozen):

        def freeze(chunks: Iterable[Chunk[Any]]) -> Iterator[Chunk[Any]]:
            for chunk in chunks:
                yield chunk
                if chunk.part == 2:
                    until(lambda: read_pids(met))
                    frozen.extend(host_of(read_pids(met)[0]))
                    for process in frozen:
                        process.suspend()
                    _declare_dead(executor, 2)

        executor_run = executor.run
        executor.run = lambda chunks: executor_run(freeze(chunks))  # pyright: ignore[reportAttributeAccessIssue]
        done = run(case.there, spec, SYMBOLS, CHUNK, executor)
        committed, names = read_files(case.there, case.run_id), _committed(case)
        (case.cluster.trouble / "go").touch()
        for process in frozen:
            process.resume()
        # It ends, or writes what nobody waits for.
        until(lambda: not _is_busy(met, frozen) or list_names(case.there, case.run_id) - names)
    assert read_files(case.there, case.run_id) == committed
    assert _committed(case) == names
    case.assert_same(done)


def test_cancel_stops_workers_and_keeps_nothing(case: Case):
    met = case.plant("hang", times=99)
    spec = case.spec()
    executor = case.cluster.execute(spec, case.there)
    outcomes = executor.run([_chunk(case, 2)])
    with pytest.raises(KeyboardInterrupt):
        for _ in _interrupted(outcomes, met):
            pass
    executor.close()
    until(lambda: not psutil.pid_exists(read_pids(met)[0]))
    assert len(read_pids(met)) == 1
    assert not case.there.files.parts(case.run_id)
    assert not case.count_uncommitted()


def test_workers_of_another_edition_are_refused_and_named(case: Case):
    spec = case.spec()
    with case.cluster.execute(spec, case.there) as executor:
        other = replace(executor.job, edition={**executor.job.edition, "numpy": "0.1"})
        skewed = DaskExecutor(executor.client, other)
        with pytest.raises(
            ClusterError, match=r"none of the 3 workers .* numpy is .* and 0\.1 here"
        ):
            run(case.there, spec, SYMBOLS, CHUNK, skewed)
        with pytest.raises(EditionError, match=r"numpy is .* there and 0\.1 here"):
            run_task(other, _chunk(case, 0))
    assert not case.there.files.parts(case.run_id)


def test_a_worker_that_computes_other_numbers_fails_the_run(case: Case):
    # The driver computes the first symbols, too.
    case.plant(LIE, times=99, symbol=SYMBOLS[1])
    with pytest.raises(DifferentBitsError, match="computed other numbers for S01 than this mach"):
        case.compute_there()


def test_nothing_of_a_host_that_computes_other_numbers_is_kept(case: Case):
    # Not even where the run is lost later: its first symbol is compared before it is committed.
    for symbol in SYMBOLS:
        case.plant(LIE, times=99, symbol=symbol)
    with pytest.raises(DifferentBitsError, match="computed other numbers for S"):
        case.compute_there()
    assert not case.there.files.parts(case.run_id)


def test_workers_that_come_later_get_chunks(case: Case, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("resources.cluster.dask_executor._BUSY_SECONDS_BETWEEN_LOOKS", 0.0)
    with case.cluster.execute(case.spec(), case.there) as executor:
        outcomes = executor.run(_chunk(case, part) for part in range(len(SYMBOLS) // CHUNK))
        next(outcomes)
        executor._workers = 1
        next(outcomes)
        assert executor._workers == WORKERS
        assert len([*outcomes]) == len(SYMBOLS) // CHUNK - 2


def test_a_worker_without_the_shared_folder_is_named(case: Case, tmp_path: Path):
    case.there = Shared(case.here.prices, StoredBacktests(str(tmp_path / "elsewhere")))
    spec = case.spec()
    with case.cluster.execute(spec, case.there) as executor:
        executor.job.files.remove_universe()
        with pytest.raises(ClusterError, match=r"does not see .* GAUNTLET_BACKTEST_FILES"):
            run(case.there, spec, SYMBOLS, CHUNK, executor)


@pytest.mark.parametrize("days", [None, 7])
def test_a_worker_that_sees_other_prices_is_named(
    case: Case, days: int | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    # The driver sees prices of another day, or none; workers are other processes.
    seen = StoredPrices(str(tmp_path / "seen"))
    for symbol in SYMBOLS if days else []:
        bars = case.here.prices.read(SOURCE, symbol)
        seen.write(SOURCE, symbol, bars[: -(days or 0)] if symbol == SYMBOLS[4] else bars)
    case.there = Shared(case.here.prices, case.there.files)
    monkeypatch.setattr(
        SharedFiles, "hash_prices", lambda files, symbols: seen.digests(files.source, symbols)
    )
    with pytest.raises(ClusterError, match=r"does not see .* GAUNTLET_PRICE_STORE"):
        case.compute_there()


def test_names_go_out_and_few_kilobytes_come_back(case: Case):
    spec = case.spec()
    with case.cluster.execute(spec, case.there) as executor:
        sent = pickle.dumps((executor.job, _chunk(case, 0)))
        (two,) = executor.run([_chunk(case, 0)])
        (twelve,) = executor.run([Chunk(1, tuple(wanted(SYMBOLS)))])
    assert b"_frombuffer" not in sent  # as an array is pickled
    assert b"_reconstruct" not in sent
    assert len(sent) < 4000
    # The names of 69 columns are sent once per chunk, of 200 symbols by default.
    per_symbol = (len(pickle.dumps(twelve)) - len(pickle.dumps(two))) / 10
    assert per_symbol < 1000 * len(case.strategies)


def _chunk(case: Case, part: int) -> Chunk[Any]:
    return Chunk(part, tuple(wanted(SYMBOLS[CHUNK * part : CHUNK * (part + 1)])))


def _interrupted(outcomes: Iterator[Any], met: Path) -> Iterator[Any]:
    """Interrupt this process, as Ctrl-C does, when a strategy hangs."""
    import threading

    def interrupt() -> None:
        until(lambda: read_pids(met))
        os.kill(os.getpid(), signal.SIGINT)

    thread = threading.Thread(target=interrupt)
    thread.start()
    yield from outcomes
    thread.join()


@contextmanager
def _ended(processes: Sequence[psutil.Process]) -> Iterator[None]:
    """End processes in the end, frozen or not: the next test gets another host."""
    try:
        yield
    finally:
        for process in processes:
            with suppress(psutil.NoSuchProcess):
                process.kill()
        until(lambda: not any(is_alive(one) for one in processes))


def _declare_dead(executor: DaskExecutor, part: int) -> None:
    """Have the scheduler do what it does when it has not heard of a worker for long."""
    computing: Any = executor.client.processing()
    (silent,) = [one for one, keys in computing.items() if any(_is_of(key, part) for key in keys)]

    async def forget(dask_scheduler: Any) -> None:
        await dask_scheduler.restart_workers(
            [silent], timeout=1.0, wait_for_workers=False, on_error="return", stimulus_id="silent"
        )

    executor.client.run_on_scheduler(forget)


def _is_of(key: str, part: int) -> bool:
    return key.endswith(f"-{part}")


def _committed(case: Case) -> set[str]:
    names = list_names(case.there, case.run_id)
    kept = {
        name
        for part in case.there.files.parts(case.run_id)
        for name in case.there.files._read_manifest(case.run_id, part).names.values()
    }
    return {name for name in names if name in kept or name.startswith("manifest")}


def _is_busy(met: Path, processes: Sequence[psutil.Process]) -> bool:
    pid = read_pids(met)[0]
    return any(one.pid == pid and is_alive(one) for one in processes)
