"""What do the leaderboard's curves take at 10,000 symbols?

The equity curves of 10,000 symbols under nine strategies, 756 bars each, are read from their
Parquet files, verified, and added up to the growth of each strategy, day by day (1,000 symbols'
files, ten times each). Compared with reading and verifying them alone, and with polars, which
groups the same frames by strategy and day: the sums of each file, added up at the end. That is
less, since a symbol that starts late or ends early moves its average.

Memory: in a fresh process, the peak of resident memory above that after the first file.
"""

import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from functools import partial
from typing import Any

import numpy as np
import polars as pl

from benchmarks.benchmark import Benchmark, Options, main
from benchmarks.harness import CONSOLE, Timings, interleave
from benchmarks.report import Report, Table, Verdict
from benchmarks.universe import NINE
from research.universe_growth import compute_growth
from resources.run_artifacts.backtest_files import BacktestFiles
from resources.run_artifacts.backtest_tables import NO_TABLES, BacktestTables

GROWTH, READ, GROUPED = "compute_growth", "reading alone", "polars, group_by"

RUN = "00000000-0000-4000-8000-000000000000"
_SYMBOLS_PER_PART = 50
_MOST_ROUNDS = 3


def run(options: Options) -> Report:
    """Compare time and memory with their limits."""
    parts, bars, repeated = (2, 60, 2) if options.quick else (20, 756, 10)
    report = Report()
    with tempfile.TemporaryDirectory(prefix="gauntlet-benchmark-") as folder:
        for part in range(parts):
            _write(BacktestFiles(root=folder), part, bars)
        _time(folder, parts, repeated, options, report)
        _memory(folder, parts, repeated, options, report)
    return report


def read_curves(folder: str, parts: int, repeated: int) -> Iterator[pl.DataFrame]:
    """Yield the curves of all parts, `repeated` times."""
    return BacktestFiles(root=folder).equity_parts(
        [(RUN, part) for _ in range(repeated) for part in range(parts)]
    )


def list_strategies(parts: int) -> dict[str, str]:
    """Return the strategy of each backtest of all parts, by its identifier."""
    return {one: name for part in range(parts) for one, name in _owners(part)}


def _owners(part: int) -> list[tuple[str, str]]:
    first = part * _SYMBOLS_PER_PART
    symbols = range(first, first + _SYMBOLS_PER_PART)
    return [
        (f"00000000-0000-4000-8000-{number:08}{place:04}", name)
        for number in symbols
        for place, name in enumerate(NINE)
    ]


def _write(files: BacktestFiles, part: int, bars: int) -> None:
    owners = _owners(part)
    random = np.random.default_rng(part)
    days = np.busday_offset(np.datetime64("2021-01-04"), np.arange(bars)).astype("datetime64[D]")
    steps = random.normal(0.0003, 0.01, (len(owners), bars))
    columns = {
        "backtest_id": np.repeat([one for one, _ in owners], bars),
        "date": np.tile(days, len(owners)),
        "equity": 10_000.0 * np.exp(np.cumsum(steps, axis=1)).ravel(),
    }
    equity = pl.DataFrame(columns).select(
        pl.col(name).cast(kind) for name, kind in NO_TABLES.equity.schema.items()
    )
    files.write(RUN, part, BacktestTables(NO_TABLES.results, NO_TABLES.trades, equity, {}))


def _time(folder: str, parts: int, repeated: int, options: Options, report: Report) -> None:
    strategies = list_strategies(parts)
    owners = pl.DataFrame({"backtest_id": list(strategies), "strategy": list(strategies.values())})
    curves = partial(read_curves, folder, parts, repeated)

    def group() -> pl.DataFrame:
        return pl.concat(_sum_days(part, owners) for part in curves()).group_by(
            "strategy", "date"
        ).agg(pl.col("growth").sum() / pl.col("curves").sum())  # fmt: skip

    symbols = parts * repeated * _SYMBOLS_PER_PART
    timings = interleave(
        f"curves of {symbols:,} symbols",
        {
            GROWTH: lambda: compute_growth(curves(), strategies),
            READ: lambda: [None for _ in curves()],
            GROUPED: group,
        },
        min(options.rounds, _MOST_ROUNDS),
    )
    what = f"Processor's time of the curves of {symbols:,} symbols x 9 strategies"
    measured, limit = timings.median(GROWTH), options.limits["seconds"]
    report.verdicts.append(Verdict(what, measured, "at most", limit, "s"))
    what, limit = (
        "That, times a group_by of polars, which does less",
        options.limits["times_polars"],
    )
    report.verdicts.append(Verdict(what, timings.ratio(GROWTH, GROUPED), "at most", limit, "x"))
    report.tables.append(_table(f"{symbols:,} symbols x 9 strategies", timings))


def _sum_days(part: pl.DataFrame, owners: pl.DataFrame) -> pl.DataFrame:
    grown = pl.col("equity") / pl.col("equity").first().over("backtest_id")
    return (
        part.with_columns(growth=grown)
        .join(owners, on="backtest_id")
        .group_by("strategy", "date")
        .agg(pl.col("growth").sum(), curves=pl.len())
    )


def _memory(folder: str, parts: int, repeated: int, options: Options, report: Report) -> None:
    CONSOLE.print("memory, in a process of its own")
    command = [sys.executable, "-m", "benchmarks.store.curves_worker", folder]
    done = subprocess.run(
        [*command, str(parts), str(repeated)], check=True, capture_output=True, text=True
    )
    found: dict[str, Any] = json.loads(done.stdout)
    what = f"Growth of resident memory, {parts * repeated * _SYMBOLS_PER_PART:,} symbols' curves"
    limit = options.limits["growth_mb"]
    report.verdicts.append(Verdict(what, found["growth_mb"], "at most", limit, "MB"))
    rows = [
        ["Resident after the first file", f"{found['start_mb']:.0f} MB"],
        ["Peak", f"{found['start_mb'] + found['growth_mb']:.0f} MB"],
    ]
    report.tables.append(Table("Memory", ["", "Value"], rows))


def _table(title: str, timings: Timings) -> Table:
    rows = [
        [
            name,
            f"{timings.median(name):.2f}",
            f"{timings.ratio(name, READ):.2f}",
            f"{timings.spread(name):.0%}",
        ]
        for name in timings.seconds
    ]
    return Table(title, ["Way", "s", "times reading alone", "spread"], rows)


BENCHMARK = Benchmark(
    "curves",
    __doc__ or "",
    {"seconds": 20.0, "times_polars": 1.0, "growth_mb": 100.0},
    run,
    "store",
)

if __name__ == "__main__":
    sys.exit(main(BENCHMARK))
