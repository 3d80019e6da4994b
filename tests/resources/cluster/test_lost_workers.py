"""Workers that are killed, hang, freeze or are stopped: nothing is lost, and nothing twice."""

import os
import signal
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import psutil
import pytest

from research.chunks import Chunk, ChunkFailure
from resources.cluster.dask_executor import DaskExecutor
from resources.cluster.errors import ClusterError
from resources.cluster.task import Job
from tests.cluster_runs import (
    list_names,
    read_files,
    run,
)
from tests.resources.cluster.case import CHUNK, SYMBOLS, Case
from tests.resources.cluster.hosts import WORKERS, host_of, is_alive, read_pids, until


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
        executor._submit(case.chunk(2))
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
        executor._submit(case.chunk(2))
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
    outcomes = executor.run([case.chunk(2)])
    with pytest.raises(KeyboardInterrupt):
        for _ in _interrupted(outcomes, met):
            pass
    executor.close()
    until(lambda: not psutil.pid_exists(read_pids(met)[0]))
    assert len(read_pids(met)) == 1
    assert not case.there.files.parts(case.run_id)
    assert not case.count_uncommitted()


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
