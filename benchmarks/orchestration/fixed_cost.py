"""What does `make run` cost beside a process that runs nothing in Dagster?

CPU seconds of the command for 110 symbols with synthetic prices, against a process that imports
`dagster` and executes an empty asset on a new instance of the same configuration. First what each
run has: prices, backtests of the nine rules, summaries and the leaderboard, in new folders and
again when all results are known (`fixed_cost_worker`). Then the whole graph: also strategies that
learn, sweeps, walk-forwards, robustness, verdicts, the forward record, portfolios and the report.
At last one symbol, which has no research. User and system time of each process and of the children
that it waits for; PostgreSQL, which serves other processes too, is not in it. Bytecode is compiled
beforehand, as an installation does.
"""

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from benchmarks.benchmark import Benchmark, Options, main
from benchmarks.harness import CONSOLE, Timings, seconds_of
from benchmarks.orchestration.imports import compile_packages
from benchmarks.report import Report, Table, Verdict

FRESH, KNOWN, EMPTY = "new folders", "known results", "empty run"
WHOLE, WHOLE_KNOWN, ONE = "whole graph", "whole graph, known results", "one symbol"

_ROOT = Path(__file__).parents[2]
_MOST_ROUNDS = 5
_CORE = ["-m", "benchmarks.orchestration.fixed_cost_worker"]
_COMMAND = ["-m", "pipelines.cli.main_job"]
_PROGRAM = """
import dagster as dg

@dg.asset
def nothing() -> None: ...

with dg.DagsterInstance.get() as instance:
    assert dg.materialize([nothing], instance=instance).success
"""
_AIMS = {FRESH: 2.8, KNOWN: 1.8, ONE: 1.4}
_OURS = ("GAUNTLET_", "DAGSTER_", "DATABASE_URL")


def run(options: Options) -> Report:
    """Start the processes of each round one after the other."""
    compile_packages()
    symbols = [f"S{number:03}" for number in range(4 if options.quick else 110)]
    rounds = min(options.rounds, _MOST_ROUNDS)
    names = (EMPTY, FRESH, KNOWN, WHOLE, WHOLE_KNOWN, ONE)
    seconds: dict[str, list[float]] = {name: [] for name in names}
    with (
        CONSOLE.status("fixed cost"),
        tempfile.TemporaryDirectory(
            prefix="gauntlet-benchmark-", ignore_cleanup_errors=True
        ) as scratch,
    ):
        for number in range(rounds):
            for name, spent in _measure_round(Path(scratch) / str(number), symbols).items():
                seconds[name].append(spent)
    timings = Timings(seconds)
    size = f"{len(symbols)} symbols"
    command = f"CPU time of `make run`, {size}"
    verdicts = [
        _judge(timings, options, FRESH, f"{command}, rules only, {FRESH}", "times_empty"),
        _judge(timings, options, KNOWN, f"The same with {KNOWN}", "times_empty_known"),
        _judge(timings, options, WHOLE, f"{command}, {WHOLE}", "times_empty_whole"),
        _judge(timings, options, WHOLE_KNOWN, f"The same with {KNOWN}", "times_empty_whole_known"),
        _judge(timings, options, ONE, f"The same for {ONE}", "times_empty_one"),
    ]
    return Report(verdicts, [_table(timings, size)])


def _measure_round(home: Path, symbols: Sequence[str]) -> dict[str, float]:
    """Return CPU seconds by what was run, each in the folders that those before it left."""
    empty = _make_home(home / "empty", symbols)
    core, work = _make_home(home / "core", symbols), _make_home(home / "work", symbols)
    return {
        EMPTY: _spend(["-c", _PROGRAM], empty),
        FRESH: _spend(_CORE, core),
        KNOWN: _spend(_CORE, core),
        WHOLE: _spend(_COMMAND, work),
        WHOLE_KNOWN: _spend(_COMMAND, work),
        ONE: _spend([*_COMMAND, "--symbol", symbols[0]], work),
    }


def _make_home(folder: Path, symbols: Sequence[str]) -> Path:
    folder.mkdir(parents=True)
    shutil.copy(_ROOT / "dagster.yaml", folder)
    (folder / "universe.csv").write_text("\n".join(["symbol", *symbols]) + "\n")
    return folder


def _spend(arguments: Sequence[str], home: Path) -> float:
    """Return the CPU seconds of a Python process in a folder, with those of its children."""
    given = {name: value for name, value in os.environ.items() if not name.startswith(_OURS)}
    environment = {**given, "DAGSTER_HOME": str(home), "PYTHONPATH": str(_ROOT)}
    program = [sys.executable, *arguments]
    return seconds_of(
        lambda: subprocess.run(program, cwd=home, env=environment, check=True, capture_output=True)
    )


def _judge(timings: Timings, options: Options, name: str, what: str, limit: str) -> Verdict:
    return Verdict(
        f"{what}, times an {EMPTY}",
        timings.ratio(name, EMPTY),
        "at most",
        options.limits[limit],
        "x",
        aim=_AIMS.get(name),
    )


def _table(timings: Timings, size: str) -> Table:
    rows = [
        [
            name,
            f"{timings.median(name):.2f}",
            f"{timings.ratio(name, EMPTY):.2f}",
            f"{timings.spread(name):.0%}",
        ]
        for name in timings.seconds
    ]
    return Table(f"CPU time, {size}", ["Process", "s", f"times {EMPTY}", "spread"], rows)


BENCHMARK = Benchmark(
    "fixed_cost",
    __doc__ or "",
    {
        "times_empty": 5.0,
        "times_empty_known": 2.8,
        "times_empty_whole": 16.0,
        "times_empty_whole_known": 7.0,
        "times_empty_one": 1.75,
    },
    run,
    "orchestration",
)

if __name__ == "__main__":
    sys.exit(main(BENCHMARK))
