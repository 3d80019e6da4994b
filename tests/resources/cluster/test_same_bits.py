"""What a cluster computes is what this process does, to the bit, or the run fails."""

import pickle
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from research.chunks import Chunk, ChunkFailure, ChunkOutcome
from research.errors import DifferentBitsError
from resources.cluster.dask_executor import DaskExecutor
from resources.cluster.errors import ClusterError, EditionError
from resources.cluster.shared_files import SharedFiles
from resources.cluster.task import run_task
from resources.price_store.stored_prices import StoredPrices
from resources.run_artifacts.stored_backtests import StoredBacktests
from tests.cluster_runs import (
    SOURCE,
    Shared,
    run,
    wanted,
)
from tests.cluster_trouble import LIE
from tests.resources.cluster.case import CHUNK, SYMBOLS, TROUBLED, Case
from tests.resources.cluster.hosts import WORKERS


def test_results_are_the_same_bits_as_in_process(case: Case):
    case.assert_same(case.compute_there())


@dataclass
class Backwards:
    """An executor that is given the last chunk first, and few at a time."""

    executor: DaskExecutor

    def run(self, chunks: Iterable[Chunk[Any]]) -> Iterator[ChunkOutcome | ChunkFailure]:
        for chunk in reversed(list(chunks)):
            yield from self.executor.run([chunk])

    def close(self) -> None:
        self.executor.close()


def test_results_do_not_depend_on_order_and_number_of_workers(case: Case):
    spec = case.spec()
    with case.cluster.execute(spec, case.there) as executor:
        case.assert_same(run(case.there, spec, SYMBOLS, CHUNK, Backwards(executor)))


def test_a_bucket_gives_the_same_bits(case: Case, bucket: str):
    case.there = Shared.made(f"{bucket}/prices", f"{bucket}/backtests", SYMBOLS)
    case.assert_same(case.compute_there())


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


def test_workers_that_come_later_get_chunks(case: Case, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("resources.cluster.dask_executor._BUSY_SECONDS_BETWEEN_LOOKS", 0.0)
    with case.cluster.execute(case.spec(), case.there) as executor:
        outcomes = executor.run(case.chunk(part) for part in range(len(SYMBOLS) // CHUNK))
        next(outcomes)
        executor._workers = 1
        next(outcomes)
        assert executor._workers == WORKERS
        assert len([*outcomes]) == len(SYMBOLS) // CHUNK - 2


def test_names_go_out_and_few_kilobytes_come_back(case: Case):
    spec = case.spec()
    with case.cluster.execute(spec, case.there) as executor:
        sent = pickle.dumps((executor.job, case.chunk(0)))
        (two,) = executor.run([case.chunk(0)])
        (twelve,) = executor.run([Chunk(1, tuple(wanted(SYMBOLS)))])
    assert b"_frombuffer" not in sent  # as an array is pickled
    assert b"_reconstruct" not in sent
    assert len(sent) < 4000
    # The names of 69 columns are sent once per chunk, of 200 symbols by default.
    per_symbol = (len(pickle.dumps(twelve)) - len(pickle.dumps(two))) / 10
    assert per_symbol < 1000 * len(case.strategies)


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
            run_task(other, case.chunk(0))
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


def test_a_worker_without_the_shared_folder_is_named(case: Case, tmp_path: Path):
    case.there = Shared(case.here.prices, StoredBacktests(str(tmp_path / "elsewhere")))
    spec = case.spec()
    with case.cluster.execute(spec, case.there) as executor:
        case.there.files.remove_uncommitted(case.run_id)
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
