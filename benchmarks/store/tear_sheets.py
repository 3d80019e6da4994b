"""What does the report of a run take?

The whole graph is run once on synthetic prices, 110 symbols x 9 strategies over three years with
research, then its report is written again and again from what is stored: the processor's time, the
size of the folder, and that of the single file. Growth is the exponent of time in the number of
symbols by least squares on logarithms: 1 is proportional.
"""

import sys
from dataclasses import dataclass
from pathlib import Path

from benchmarks.benchmark import Benchmark, Options, main
from benchmarks.engine.growth import exponent
from benchmarks.harness import CONSOLE, interleave
from benchmarks.orchestration.graphs import OURS, on, ranged, scratch
from benchmarks.report import Curve, Report, Table, Verdict
from pipelines.definitions import build_defs
from reports.inputs.run_data import Stores
from reports.report import write_report
from reports.site import SINGLE_FILE, WrittenSite
from resources.config.environment import EnvironmentSettings
from resources.price_store.store import PriceStore
from resources.result_store.resource import ResultStore
from resources.run_artifacts.backtest_files import BacktestFiles

_MOST_ROUNDS = 3
_MEGA = 1e6


@dataclass(frozen=True)
class StoredRun:
    """A run in stores of its own, and where its report is written."""

    stores: Stores
    run_id: str
    root: Path

    def write(self) -> WrittenSite:
        """Write the report."""
        return write_report(self.stores, str(self.root), self.run_id)

    @property
    def single_file_size(self) -> int:
        """In bytes, once it is written."""
        return (self.root / self.run_id / SINGLE_FILE).stat().st_size


def run(options: Options) -> Report:
    """Time reports of universes of several sizes, and weigh that of 110 symbols."""
    sizes = (4, 8) if options.quick else (55, 110, 220)
    report, seconds = Report(), []
    for symbols in sizes:
        stored = _store_run(symbols)
        rounds = min(options.rounds, _MOST_ROUNDS)
        timings = interleave(f"{symbols} symbols", {"report": stored.write}, rounds)
        seconds.append(timings.median("report"))
        if symbols == sizes[len(sizes) // 2]:
            report.verdicts.extend(_judge(stored, seconds[-1], symbols, options))
    growth = exponent(sizes, seconds)
    limit = options.limits["exponent"]
    what = f"Exponent of time in symbols, {sizes[0]} to {sizes[-1]}"
    report.verdicts.append(Verdict(what, growth, "at most", limit))
    rows = [[f"{size:,}", f"{time:.2f}"] for size, time in zip(sizes, seconds, strict=True)]
    report.tables.append(Table("Time of a report", ["symbols", "s"], rows))
    report.curves.append(Curve("symbols", list(sizes), seconds, growth))
    return report


def _judge(stored: StoredRun, seconds: float, symbols: int, options: Options) -> list[Verdict]:
    site, limits = stored.write(), options.limits
    of = f"{symbols} symbols x 9 strategies, {site.pages:,} pages"
    single = stored.single_file_size / _MEGA
    return [
        Verdict(f"Processor's time of a report ({of})", seconds, "at most", limits["seconds"], "s"),
        Verdict("Its size", site.size / _MEGA, "at most", limits["megabytes"], "MB"),
        Verdict("Size of its single file", single, "at most", limits["single_file_mb"], "MB"),
    ]


def _store_run(symbols: int) -> StoredRun:
    """Return a run of the whole graph on a new universe, in stores of its own."""
    names = [f"S{number:03}" for number in range(symbols)]
    home = scratch()
    universe = home / "universe.csv"
    universe.write_text("\n".join(["symbol", *names]) + "\n")
    settings = EnvironmentSettings.from_environment(
        {"GAUNTLET_HOME": str(home / "data"), "GAUNTLET_UNIVERSE": str(universe)}
    )
    store = ResultStore(home=str(home / "store"))
    CONSOLE.print(f"Running the graph on {symbols} symbols", style="dim")
    on(OURS, ranged(build_defs(settings, {"result_store": store}), names))()
    manager = store.manager()
    stores = Stores(
        manager, BacktestFiles(root=settings.backtest_files), PriceStore(root=settings.price_store)
    )
    return StoredRun(stores, manager.get_leaderboard_runs()[0]["run_id"], home / "reports")


BENCHMARK = Benchmark(
    "tear_sheets",
    __doc__ or "",
    {"seconds": 15.0, "megabytes": 15.0, "single_file_mb": 3.0, "exponent": 1.2},
    run,
    "store",
)

if __name__ == "__main__":
    sys.exit(main(BENCHMARK))
