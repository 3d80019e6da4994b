"""How fast do stored prices become the engine's arrays?

1,000 symbols x 2,520 bars in the price store, through `load_histories` into adjusted, read-only
arrays, each file's content hash verified, against `polars.scan_parquet(files).collect()` of the
same files, which returns one frame and checks nothing. For both, the files are in the system's
cache.

Memory: 10,000 symbols (1,000 files, ten times each) are loaded one after the other and released, in
a fresh process; growth is its peak resident memory minus that after the first thousand.
"""

import json
import subprocess
import sys
import tempfile
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import polars as pl

from benchmarks.benchmark import Benchmark, Options, main
from benchmarks.harness import CONSOLE, interleave
from benchmarks.report import Report, Table, Verdict
from resources.market_data.bars import SCHEMA
from resources.price_store.history_loader import LoadedHistory, load_histories
from resources.price_store.spans import HistorySpec
from resources.price_store.store import PriceStore

OURS, SCAN = "load_histories", "scan_parquet, collect"
SOURCE = "files"

_FIRST_DAY = date(2014, 1, 1)


def run(options: Options) -> Report:
    """Compare time and memory with their limits."""
    symbols, bars, many = (20, 252, 60) if options.quick else (1000, 2520, 10_000)
    report = Report()
    with tempfile.TemporaryDirectory(prefix="gauntlet-benchmark-") as folder:
        fill(PriceStore(root=folder), symbols, bars)
        _time(folder, symbols, bars, options, report)
        _memory(folder, symbols, bars, many, options, report)
    return report


def fill(store: PriceStore, symbols: int, bars: int) -> None:
    """Store `symbols` symbols with `bars` daily bars each."""
    from benchmarks.universe import history

    days = pl.Series([_FIRST_DAY + timedelta(days=day) for day in range(bars)])
    for number in range(symbols):
        made = history(number, bars).bars
        columns = {name: getattr(made, name) for name in made.__dataclass_fields__}
        frame = pl.DataFrame({"date": days, **columns, "adjustment": [0.5] * bars})
        store.write(SOURCE, _symbol(number), frame.select(list(SCHEMA)))


def wanted(symbols: int, bars: int, repeated: int = 1) -> list[HistorySpec]:
    """Return what to load: all days of each symbol, all symbols `repeated` times."""
    last = _FIRST_DAY + timedelta(days=bars - 1)
    return [HistorySpec(_symbol(number), _FIRST_DAY, last) for number in range(symbols)] * repeated


def _symbol(number: int) -> str:
    return f"S{number:05}"


def _time(folder: str, symbols: int, bars: int, options: Options, report: Report) -> None:
    store, asked = PriceStore(root=folder), wanted(symbols, bars)
    files = [Path(store.path_of(SOURCE, one.symbol)) for one in asked]

    def ours() -> list[LoadedHistory]:
        loaded = [one for _, one in load_histories(store, SOURCE, asked)]
        good = [one for one in loaded if isinstance(one, LoadedHistory)]
        if len(good) != symbols:
            raise RuntimeError(f"only {len(good)} of {symbols} symbols could be loaded")
        return good

    contenders = {OURS: ours, SCAN: lambda: pl.scan_parquet(files).collect()}
    timings = interleave(f"{symbols:,} symbols x {bars:,} bars", contenders, options.rounds)
    report.verdicts.append(
        Verdict(
            f"Time to load {symbols:,} x {bars:,} bars, times that of a plain scan",
            timings.ratio(OURS, SCAN),
            "at most",
            options.limits["times_scan"],
            "x",
        )
    )
    rows = [
        [
            name,
            f"{1e3 * timings.median(name):.0f}",
            f"{1e6 * timings.median(name) / symbols:,.0f}",
            f"{timings.ratio(name, SCAN):.2f}",
            f"{timings.spread(name):.0%}",
        ]
        for name in contenders
    ]
    columns = ["Way", "ms", "us per symbol", "times the scan", "spread"]
    report.tables.append(Table(f"{symbols:,} symbols x {bars:,} bars", columns, rows))


def _memory(
    folder: str, symbols: int, bars: int, many: int, options: Options, report: Report
) -> None:
    CONSOLE.print(f"{many:,} symbols, one after the other")
    command = [sys.executable, "-m", "benchmarks.store.load_worker", folder]
    done = subprocess.run(
        [*command, str(symbols), str(bars), str(many)], check=True, capture_output=True, text=True
    )
    found: dict[str, Any] = json.loads(done.stdout)
    what = f"Growth of resident memory, {many:,} x {bars:,} bars loaded in batches"
    limit = options.limits["growth_mb"]
    report.verdicts.append(Verdict(what, found["growth_mb"], "below", limit, "MB"))
    rows = [
        ["Loaded in all", f"{found['loaded_mb']:,.0f} MB"],
        ["Resident after the first thousand", f"{found['start_mb']:.0f} MB"],
        ["Peak", f"{found['start_mb'] + found['growth_mb']:.0f} MB"],
        ["Time", f"{found['seconds']:.1f} s"],
    ]
    report.tables.append(Table(f"{many:,} symbols, released one by one", ["", "Value"], rows))


BENCHMARK = Benchmark("load", __doc__ or "", {"times_scan": 2.0, "growth_mb": 100.0}, run, "store")

if __name__ == "__main__":
    sys.exit(main(BENCHMARK))
