"""What does the report of a run take?

The whole graph is run on synthetic prices, 110 symbols x 12 strategies over three years with
research, then its report is written again and again from what is stored: the processor's time where
nothing was drawn before and where a report before shows the same results, the size of the folder,
and that of the single file. Growth is the exponent of time in the number of symbols by least
squares on logarithms: 1 is proportional.

Limits: 15 s, so that a report does not keep a nightly run waiting; 2 s of results that are known,
as whoever tries something waits for it; 15 MB, so that a month's reports
are less than half a gigabyte; 3 MB for the single file, which most mail servers take; an exponent
of 1.2, as what does not grow with symbols makes it smaller than 1 and noise makes it greater.
"""

import json
import subprocess
import sys

from benchmarks.benchmark import Benchmark, Options, main
from benchmarks.engine.growth import exponent
from benchmarks.harness import CONSOLE
from benchmarks.orchestration.graphs import scratch
from benchmarks.report import Curve, Report, Table, Verdict
from benchmarks.store.tear_sheets_worker import Measured

_MOST_ROUNDS = 3
_MEGA = 1e6


def run(options: Options) -> Report:
    """Time reports of universes of several sizes, and weigh that of 110 symbols."""
    sizes = (4, 8) if options.quick else (55, 110, 220)
    measured = [_run_worker(one, min(options.rounds, _MOST_ROUNDS)) for one in sizes]
    seconds = [one.seconds for one in measured]
    middle = len(sizes) // 2
    report = Report(verdicts=_judge(measured[middle], sizes[middle], options))
    growth = exponent(sizes, seconds)
    limit = options.limits["exponent"]
    what = f"Exponent of time in symbols, {sizes[0]} to {sizes[-1]}"
    report.verdicts.append(Verdict(what, growth, "at most", limit))
    rows = [
        [
            f"{size:,}",
            f"{one.pages:,}",
            f"{one.seconds:.2f}",
            f"{one.known_seconds:.2f}",
            f"{one.size / _MEGA:.2f}",
        ]
        for size, one in zip(sizes, measured, strict=True)
    ]
    heads = ["symbols", "pages", "s", "s, known results", "MB"]
    report.tables.append(Table(f"A report of {measured[0].strategies} strategies", heads, rows))
    report.curves.append(Curve("symbols", list(sizes), seconds, growth))
    return report


def _judge(measured: Measured, symbols: int, options: Options) -> list[Verdict]:
    limits = options.limits
    of = f"{symbols} symbols x {measured.strategies} strategies, {measured.pages:,} pages"
    size, single = measured.size / _MEGA, measured.single_file_size / _MEGA
    return [
        Verdict(
            f"Processor's time of a report ({of})",
            measured.seconds, "at most", limits["seconds"], "s",
        ),
        Verdict(
            "The same of known results",
            measured.known_seconds, "at most", limits["known_seconds"], "s",
        ),
        Verdict("Its size", size, "at most", limits["megabytes"], "MB"),
        Verdict("Size of its single file", single, "at most", limits["single_file_mb"], "MB"),
    ]  # fmt: skip


def _run_worker(symbols: int, rounds: int) -> Measured:
    """Return what a report took in a process of its own, in stores of its own."""
    CONSOLE.print(f"Running the graph on {symbols} symbols", style="dim")
    home = scratch()
    module = "benchmarks.store.tear_sheets_worker"
    command = [sys.executable, "-m", module, str(home), str(symbols), str(rounds)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"the worker failed: {done.stderr[-2000:]}")
    return Measured(**json.loads((home / "report.json").read_text()))


BENCHMARK = Benchmark(
    "tear_sheets",
    __doc__ or "",
    {
        "seconds": 15.0,
        "known_seconds": 2.0,
        "megabytes": 15.0,
        "single_file_mb": 3.0,
        "exponent": 1.2,
    },
    run,
    "store",
)

if __name__ == "__main__":
    sys.exit(main(BENCHMARK))
