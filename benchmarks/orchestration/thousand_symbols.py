"""What does a universe of a thousand symbols take, end to end?

1,000 symbols x all strategies, three years, synthetic prices: the command behind `make run`, in a
new folder with the project's dagster.yaml, from its start to its end, including the printing of the
leaderboard. Counted is the processor's time of the command and the processes that it waits for.
Memory is the sum of the peak resident memory of each process that it starts. Neither includes the
embedded PostgreSQL server. It runs once, since there is no baseline.
"""

import os
import re
import shutil
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import psutil

from benchmarks.benchmark import Benchmark, Options, main
from benchmarks.clock import cpu_seconds, wall_seconds
from benchmarks.harness import CONSOLE
from benchmarks.orchestration.graphs import scratch
from benchmarks.report import Report, Table, Verdict
from strategies.registry import registered_strategies

_ROOT = Path(__file__).parents[2]
_SECONDS_BETWEEN_SAMPLES = 0.02
_OURS = ("GAUNTLET_", "DAGSTER_", "DATABASE_URL")


def run(options: Options) -> Report:
    """Run the command once, and sample the memory of its processes."""
    symbols = 20 if options.quick else 1000
    folder = scratch()
    for name in ("dagster.yaml", "workspace.yaml"):
        shutil.copy(_ROOT / name, folder)
    names = [f"S{number:05}" for number in range(symbols)]
    (folder / "universe.csv").write_text("\n".join(["symbol", *names]) + "\n")
    size = f"{symbols:,} symbols x {len(registered_strategies())} strategies"
    CONSOLE.print(f"{size} by the command behind `make run`; this takes a while.")
    begun = wall_seconds(), cpu_seconds()
    peaks = _run(folder)
    took, seconds = wall_seconds() - begun[0], cpu_seconds() - begun[1]
    found = {"seconds": (seconds, "s"), "memory_mb": (sum(peaks.values()), "MB")}
    what = {
        "seconds": f"Processor's time, {size}, end to end",
        "memory_mb": f"Memory, {size}, end to end",
    }
    rows = [["Processor's time", f"{seconds:.1f} s"], ["On the wall", f"{took:.1f} s"]]
    rows += [[f"Peak of {name}", f"{peak:.0f} MB"] for name, peak in peaks.items()]
    return Report(
        [
            Verdict(what[name], value, "below", options.limits[name], unit)
            for name, (value, unit) in found.items()
        ],
        [Table(size, ["", "Value"], rows)],
    )


def _run(folder: Path) -> dict[str, float]:
    inherited = {name: text for name, text in os.environ.items() if not name.startswith(_OURS)}
    with subprocess.Popen(
        [sys.executable, "-m", "pipelines.cli.main_job"],
        cwd=folder,
        env=inherited | {"PYTHONWARNINGS": "ignore"},
        stdout=subprocess.DEVNULL,
    ) as process:
        peaks: dict[int, tuple[str, float]] = {}
        while process.poll() is None:
            _sample(process.pid, peaks)
            time.sleep(_SECONDS_BETWEEN_SAMPLES)
    if process.returncode:
        raise SystemExit(f"The run failed with {process.returncode}; its log is in {folder}.")
    return {f"{name}, process {n}": mb for n, (name, mb) in enumerate(peaks.values(), 1)}


def _sample(pid: int, peaks: dict[int, tuple[str, float]]) -> None:
    """Record the peak of the command and of each Python process that it started."""
    with suppress(psutil.Error):
        parent = psutil.Process(pid)
        command = parent.cmdline()
        for one in [parent, *parent.children(recursive=True)]:
            with suppress(psutil.Error, OSError):
                # A new process is its parent's copy until it executes a program of its own.
                copied = one != parent and one.cmdline() == command
                if "python" in one.name() and not copied:
                    _, before = peaks.get(one.pid, ("", 0.0))
                    peaks[one.pid] = one.name(), _peak_mb(one, before)


def _peak_mb(process: psutil.Process, before: float) -> float:
    """Return the peak resident memory; the highest that was seen where the system has no peak.

    A process that has ended and is still listed has no memory left to read.
    """
    status = Path(f"/proc/{process.pid}/status")
    if not status.exists():
        return max(before, process.memory_info().rss / 2**20)
    found = re.search(r"VmHWM:\s+(\d+) kB", status.read_text())
    return int(found[1]) / 1024 if found else before


BENCHMARK = Benchmark(
    "thousand_symbols", __doc__ or "", {"seconds": 400.0, "memory_mb": 1100.0}, run, "orchestration"
)

if __name__ == "__main__":
    sys.exit(main(BENCHMARK))
