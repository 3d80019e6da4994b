"""What do the definitions add to the import of Dagster?

A process that imports `pipelines.definitions` and builds every asset and check for the 110 symbols,
against one that only imports `dagster`. The webserver, the daemon, the code server and the process
of each run pay for it. Most of what is added are dataclasses and the assets themselves. Bytecode is
compiled beforehand, as an installation does.
"""

import compileall
import subprocess
import sys
from functools import partial
from pathlib import Path

from benchmarks.benchmark import Benchmark, Options, main
from benchmarks.harness import interleave
from benchmarks.report import Report, Table, Verdict

DAGSTER = "import dagster"
DEFINITIONS = "from pipelines.definitions import defs; defs()"

_ROOT = Path(__file__).parents[2]
_PACKAGES = ("pipelines", "assets", "resources", "research", "engine", "strategies")
_LEAST_ROUNDS = 15


def run(options: Options) -> Report:
    """Start processes of each kind in turn."""
    compile_packages()
    # An import takes a third of a second: on a busy machine it takes many rounds to measure.
    rounds = options.rounds if options.quick else max(options.rounds, _LEAST_ROUNDS)
    contenders = {program: partial(_run, program) for program in (DEFINITIONS, DAGSTER)}
    timings = interleave("imports", contenders, rounds)
    measured = timings.ratio(DEFINITIONS, DAGSTER)
    limit = options.limits["times_dagster"]
    rows = [
        [
            name,
            f"{timings.median(name):.2f}",
            f"{timings.ratio(name, DAGSTER):.2f}",
            f"{timings.spread(name):.0%}",
        ]
        for name in timings.seconds
    ]
    what = "Time to import the definitions, times Dagster's"
    table = Table("From start to end", ["Process", "s", "times dagster", "spread"], rows)
    return Report([Verdict(what, measured, "at most", limit, "x")], [table])


def compile_packages() -> None:
    """Compile bytecode, as an installation does."""
    for package in _PACKAGES:
        compileall.compile_dir(_ROOT / package, quiet=1)


def _run(program: str) -> None:
    subprocess.run([sys.executable, "-c", program], cwd=_ROOT, check=True)


BENCHMARK = Benchmark("imports", __doc__ or "", {"times_dagster": 1.45}, run, "orchestration")

if __name__ == "__main__":
    sys.exit(main(BENCHMARK))
