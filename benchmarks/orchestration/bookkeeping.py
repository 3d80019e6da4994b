"""What does Dagster's bookkeeping cost per asset and partition?

12 empty assets x 110 symbols in one run, from its creation to its end, on a new instance: planned
events, materializations, and the events of the steps. This project's configuration, which writes
events to SQLite in batches, against Dagster's own SQLite storage, the default without any
configuration. Also shown, without a limit: fewer symbols on an embedded PostgreSQL, in batches and
with dagster-postgres.
"""

import sys

from benchmarks.benchmark import Benchmark, Options, main
from benchmarks.harness import Timings, interleave
from benchmarks.orchestration.graphs import (
    OURS,
    OURS_POSTGRES,
    STOCK,
    STOCK_POSTGRES,
    chain,
    on,
    scratch,
)
from benchmarks.report import Report, Table, Verdict
from resources.result_store.embedded import start_embedded

ASSETS = 12
_MOST_ROUNDS = 2


def run(options: Options) -> Report:
    """Run the graph on each storage in turn."""
    partitions, fewer = (5, 2) if options.quick else (110, 22)
    rounds = min(options.rounds, _MOST_ROUNDS)
    graph = chain(ASSETS, partitions)
    title = f"{ASSETS} assets x {partitions} partitions"
    timings = interleave(title, {one: on(one, graph) for one in (OURS, STOCK)}, rounds)
    verdict = Verdict(
        f"Bookkeeping per asset and partition, times Dagster's own SQLite ({title})",
        timings.ratio(OURS, STOCK),
        "at most",
        options.limits["times_stock"],
        "x",
        aim=0.1,
    )
    tables = [_table(title, timings, STOCK, partitions)]
    tables.append(_postgres(fewer, rounds))
    return Report([verdict], tables)


def _postgres(partitions: int, rounds: int) -> Table:
    url = start_embedded(scratch()).set(drivername="postgresql+psycopg2")
    shown = url.render_as_string(hide_password=False)
    graph = chain(ASSETS, partitions)
    title = f"{ASSETS} assets x {partitions} partitions, events in PostgreSQL"
    contenders = {one: on(one, graph, shown) for one in (OURS_POSTGRES, STOCK_POSTGRES)}
    return _table(title, interleave(title, contenders, rounds), STOCK_POSTGRES, partitions)


def _table(title: str, timings: Timings, baseline: str, partitions: int) -> Table:
    rows = [
        [
            name,
            f"{timings.median(name):.2f}",
            f"{1e3 * timings.median(name) / ASSETS / partitions:.2f}",
            f"{timings.ratio(name, baseline):.2f}",
            f"{timings.spread(name):.0%}",
        ]
        for name in timings.seconds
    ]
    columns = ["Events in", "s", "ms per asset and partition", f"times {baseline}", "spread"]
    return Table(title, columns, rows)


BENCHMARK = Benchmark("bookkeeping", __doc__ or "", {"times_stock": 0.2}, run, "orchestration")

if __name__ == "__main__":
    sys.exit(main(BENCHMARK))
