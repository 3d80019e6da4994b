"""What does a cluster cost, and how many workers does it feed?

2,000 symbols x 756 bars x 9 strategies from stored prices to files of trades and curves, 200
symbols per chunk, without Dagster and without a database: in this process, on Dask with two worker
processes of this machine, which is what GAUNTLET_CLUSTER=local:2 starts, and in a pool of two
processes (`concurrent.futures`), which has no scheduler and loses a run with any of them. Counted
is the processor's time of all processes, without their start. Bytes are those that the kernel has
counted on the scheduler's connections. Then scheduler and driver with chunks that are empty, on
many workers in one process: what a chunk takes of both, and so how many workers they feed.
"""

import sys
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from multiprocessing import get_context
from statistics import median
from typing import TYPE_CHECKING

import polars as pl
import psutil

from benchmarks.benchmark import Benchmark, Options, main
from benchmarks.clock import cpu_seconds, cpu_seconds_of, wall_seconds
from benchmarks.harness import CONSOLE, seconds_of
from benchmarks.orchestration.cluster_load import EmptyChunks, run_empty_chunks
from benchmarks.orchestration.cluster_runs import BARS, Runs
from benchmarks.orchestration.cluster_traffic import CAN_COUNT, count_bytes, read_connections
from benchmarks.orchestration.graphs import scratch
from benchmarks.report import Report, Table, Verdict
from resources.cluster.dask_executor import connect
from resources.cluster.local_cluster import local_cluster

if TYPE_CHECKING:
    from distributed import Client

WORKERS = 2
_MEMORY = "2GiB"
_MOST_ROUNDS = 3


@dataclass(frozen=True)
class Cost:
    """What a run on the cluster took: seconds of the processor, and bytes of the scheduler."""

    driver: float
    scheduler: float
    workers: float
    sent: int
    received: int

    @property
    def seconds(self) -> float:
        """Of all processes."""
        return self.driver + self.scheduler + self.workers


@dataclass(frozen=True)
class Measured:
    """What the rounds took, and the start of the cluster before them: on the wall, and of all."""

    here: list[float]
    there: list[Cost]
    pool: list[float]
    cold_wall: float
    cold: float

    @property
    def overhead(self) -> float:
        """The cluster's time as a multiple of this process's, median of the rounds."""
        return median(c.seconds / h for c, h in zip(self.there, self.here, strict=True))

    def median_of(self, name: str) -> float:
        """Return the median of a field of `Cost`."""
        return median(getattr(one, name) for one in self.there)


def run(options: Options) -> Report:
    """Measure the runs, then the empty chunks."""
    runs = Runs(scratch(), *((8, 2) if options.quick else (2000, 200)))
    counts = ((2, 10),) if options.quick else ((2, 100), (10, 200), (50, 400), (100, 400))
    CONSOLE.print(f"Storing prices of {runs.symbols:,} symbols.")
    runs.store_prices()
    measured = _measure(runs, min(options.rounds, _MOST_ROUNDS))
    job, specs = runs.build_job(), runs.batches[0]
    loads = [run_empty_chunks(job, specs, *count) for count in counts]
    return Report(
        _judge(runs, measured, loads, options), [_tabulate(runs, measured), _tabulate_loads(loads)]
    )


def _measure(runs: Runs, rounds: int) -> Measured:
    begun = wall_seconds(), cpu_seconds()
    with (
        ProcessPoolExecutor(WORKERS, mp_context=get_context("spawn")) as pool,
        local_cluster(WORKERS, _MEMORY) as cluster,
        connect(cluster.address, cluster.folder) as client,
    ):
        client.wait_for_workers(WORKERS)
        roots = [psutil.Process(one.pid) for one in cluster.processes]
        cold = cpu_seconds() - begun[1] + sum(map(cpu_seconds_of, roots))
        measured = Measured([], [], [], wall_seconds() - begun[0], cold)
        _compare(runs.run_here(), runs.run_there(client), runs.run_in_pool(pool))
        for number in range(rounds):
            CONSOLE.print(f"Round {number + 1} of {rounds}")
            for is_cluster in (number % 2 == 0, number % 2 == 1):
                if is_cluster:
                    measured.there.append(_measure_there(runs, client, roots))
                else:
                    measured.here.append(seconds_of(runs.run_here))
            measured.pool.append(_measure_pool(runs, pool))
    return measured


def _measure_pool(runs: Runs, pool: ProcessPoolExecutor) -> float:
    """Return the processor's time of this process and of those of a pool."""
    processes = [psutil.Process(pid) for pid in pool._processes]
    before = sum(map(cpu_seconds_of, processes))
    driver = seconds_of(partial(runs.run_in_pool, pool))
    return driver + sum(map(cpu_seconds_of, processes)) - before


def _compare(here: pl.DataFrame, *others: pl.DataFrame) -> None:
    if not all(here.drop("run_id").equals(one.drop("run_id")) for one in others):
        raise SystemExit("The cluster or the pool computed other numbers than this process.")


def _measure_there(runs: Runs, client: "Client", roots: list[psutil.Process]) -> Cost:
    traffic = read_connections(client) if CAN_COUNT else {}
    before = [cpu_seconds_of(one) for one in roots]
    driver = seconds_of(partial(runs.run_there, client))
    scheduler, workers = (
        cpu_seconds_of(one) - earlier for one, earlier in zip(roots, before, strict=True)
    )
    passed = count_bytes(traffic, read_connections(client) if CAN_COUNT else {})
    return Cost(driver, scheduler, workers, passed.sent, passed.received)


def _judge(
    runs: Runs, measured: Measured, loads: list[EmptyChunks], options: Options
) -> list[Verdict]:
    size, limits = f"{runs.symbols:,} symbols x {BARS} bars x 9 strategies", options.limits
    return [
        Verdict(
            f"Processor's time on a cluster of {WORKERS} workers, times this process's ({size})",
            measured.overhead,
            "at most",
            limits["times_here"],
            "x",
        ),
        Verdict(
            "Bytes that reach the scheduler, per symbol",
            measured.median_of("received") / runs.symbols / 1e3 if CAN_COUNT else None,
            "at most",
            limits["kb_per_symbol"],
            "kB",
            why_not="" if CAN_COUNT else "Only Linux counts them.",
        ),
        Verdict(
            f"Processor's time of the start of a cluster of {WORKERS} workers",
            measured.cold,
            "at most",
            limits["start_seconds"],
            "s",
        ),
        Verdict(
            f"Workers that one driver and one scheduler feed, {runs.chunk} symbols per chunk",
            _count_fed(runs, measured, loads),
            "at least",
            limits["fed"],
            "",
        ),
    ]


def _count_fed(runs: Runs, measured: Measured, loads: list[EmptyChunks]) -> float:
    """Return a worker's time per chunk as a multiple of what the busier of the two takes of it."""
    chunks, most = len(runs.batches), loads[-1]
    scheduler = most.scheduler / most.chunks
    driver = measured.median_of("driver") / chunks
    return measured.median_of("workers") / chunks / max(scheduler, driver)


def _tabulate(runs: Runs, measured: Measured) -> Table:
    chunks = len(runs.batches)
    rows = [["In this process", f"{median(measured.here):.1f} s", ""]]
    rows += [
        [f"On the cluster: {name}", f"{seconds:.2f} s", f"{1e3 * seconds / chunks:,.0f} ms"]
        for name in ("driver", "scheduler", "workers")
        for seconds in [measured.median_of(name)]
    ]
    total = median(one.seconds for one in measured.there)
    rows.append(["On the cluster: all", f"{total:.1f} s", ""])
    rows.append([f"In a pool of {WORKERS} processes", f"{median(measured.pool):.1f} s", ""])
    rows.append(["On the cluster, with its start", f"{total + measured.cold:.1f} s", ""])
    rows.append(["Start of the cluster, all processes", f"{measured.cold:.1f} s", ""])
    rows.append(["Start of the cluster, on the wall", f"{measured.cold_wall:.1f} s", ""])
    rows += [
        [f"Bytes that the scheduler has {name}, per symbol", f"{bytes_ / 1e3:.2f} kB", ""]
        for name in ("received", "sent")
        for bytes_ in [measured.median_of(name) / runs.symbols]
    ]
    title = f"{runs.symbols:,} symbols x {BARS} bars x 9 strategies, {runs.chunk} per chunk"
    return Table(title, ["", "Value", "Per chunk"], rows)


def _tabulate_loads(loads: list[EmptyChunks]) -> Table:
    rows = [
        [
            f"{one.workers}",
            f"{one.chunks:,}",
            f"{one.chunks / one.wall:,.0f}",
            f"{1e3 * one.scheduler / one.chunks:.1f}",
            f"{1e3 * one.driver / one.chunks:.1f}",
            f"{one.idle:.1%}",
        ]
        for one in loads
    ]
    columns = [
        "Workers",
        "chunks",
        "chunks/s here",
        "scheduler, ms",
        "driver, ms",
        "idle, of a core",
    ]
    return Table("Empty chunks: CPU of scheduler and driver per chunk", columns, rows)


BENCHMARK = Benchmark(
    "cluster",
    __doc__ or "",
    {"times_here": 1.15, "kb_per_symbol": 5.0, "start_seconds": 15.0, "fed": 10.0},
    run,
    "orchestration",
)

if __name__ == "__main__":
    sys.exit(main(BENCHMARK))
