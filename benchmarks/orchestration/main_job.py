"""How much of the main job is work, and how much is bookkeeping?

The main job (110 symbols x all strategies, synthetic prices, results in an embedded PostgreSQL, new
folders each time) against the same assets and checks with empty bodies, both on a new instance
whose events are written in batches, as configured. What it is measured by is the empty job on
Dagster's own SQLite storage, the bookkeeping of a Dagster without configuration. That is so slow
that two rounds are enough. The limit is one and a half times as much: it was once, before three of
the strategies fitted models, which the benchmark `learning` measures by themselves.
"""

import shutil
import sys

from benchmarks.benchmark import Benchmark, Options, main
from benchmarks.harness import Timings, interleave
from benchmarks.orchestration.graphs import (
    OURS,
    STOCK,
    Graph,
    counted,
    emptied,
    on,
    ranged,
    scratch,
)
from benchmarks.report import Report, Table, Verdict
from pipelines.definitions import build_defs
from resources.config.environment import EnvironmentSettings
from resources.result_store.resource import ResultStore

WORK, EMPTY = "main job", "empty bodies"
_MOST_ROUNDS = 2


def run(options: Options) -> Report:
    """Run both graphs in turn, and the empty one on Dagster's own storage."""
    symbols = [f"S{number:03}" for number in range(4 if options.quick else 110)]
    home = scratch()
    universe = home / "universe.csv"
    universe.write_text("\n".join(["symbol", *symbols]) + "\n")
    settings = EnvironmentSettings.from_environment(
        {"GAUNTLET_HOME": str(home / "data"), "GAUNTLET_UNIVERSE": str(universe)}
    )
    # The server is running when the job starts, as it is on a machine in use.
    store = ResultStore(home=str(home / "store"))
    store.check_reachable()
    definitions = build_defs(settings, {"result_store": store})
    empty = ranged(emptied(definitions), symbols)
    work = _from_scratch(ranged(definitions, symbols), settings)
    contenders = {
        _name(WORK, OURS): on(OURS, work),
        _name(EMPTY, OURS): on(OURS, empty),
        _name(EMPTY, STOCK): on(STOCK, empty),
    }
    timings = interleave(f"{len(symbols)} symbols", contenders, min(options.rounds, _MOST_ROUNDS))
    size = f"{counted(definitions)['assets']} assets x {len(symbols)} symbols"
    return Report(_verdicts(timings, options, size), [_table(timings, size)])


def _from_scratch(graph: Graph, settings: EnvironmentSettings) -> Graph:
    """Return the graph, run without the prices and backtests of an earlier run."""

    def run(instance):
        shutil.rmtree(settings.home, ignore_errors=True)
        return graph(instance)

    return run


def _name(what: str, storage: str) -> str:
    return f"{what}, {storage}"


def _verdicts(timings: Timings, options: Options, size: str) -> list[Verdict]:
    return [
        Verdict(
            f"Time of the main job, times that of empty bodies on {STOCK} ({size})",
            timings.ratio(_name(WORK, OURS), _name(EMPTY, STOCK)),
            "at most",
            options.limits["times_stock_empty"],
            "x",
        ),
    ]


def _table(timings: Timings, size: str) -> Table:
    rows = [
        [
            name,
            f"{timings.median(name):.2f}",
            f"{timings.ratio(name, _name(EMPTY, OURS)):.2f}",
            f"{timings.ratio(name, _name(EMPTY, STOCK)):.2f}",
            f"{timings.spread(name):.0%}",
        ]
        for name in timings.seconds
    ]
    columns = ["Graph, events in", "s", "times empty", f"times empty, {STOCK}", "spread"]
    return Table(size, columns, rows)


BENCHMARK = Benchmark(
    "main_job",
    __doc__ or "",
    {"times_stock_empty": 1.5},
    run,
    "orchestration",
)

if __name__ == "__main__":
    sys.exit(main(BENCHMARK))
