"""All benchmarks, one after the other, and the page made from them: what `make bench` runs."""

import argparse
import subprocess
import sys
from pathlib import Path

from benchmarks.benchmark import MET, MISSED, add_common
from benchmarks.harness import CONSOLE
from benchmarks.render import write_page
from benchmarks.report import Record

BENCHMARKS = {
    "vectorbt_baseline": "engine",
    "against_peers": "engine",
    "start": "engine",
    "growth": "engine",
    "memory": "engine",
    "sweep": "engine",
    "stages": "engine",
    "stops": "engine",
    "portfolio": "engine",
    "notebook_cache": "engine",
    "save": "store",
    "load": "store",
    "curves": "store",
    "tear_sheets": "store",
    "bookkeeping": "orchestration",
    "disk": "orchestration",
    "main_job": "orchestration",
    "fixed_cost": "orchestration",
    "thousand_symbols": "orchestration",
    "cluster": "orchestration",
    "imports": "orchestration",
    "concurrent_requests": "orchestration",
    "result_cache": "store",
    "rate_limiter": "market_data",
    "splits": "market_data",
    "universe_sweep": "research",
    "stitched_walk_forward": "research",
    "from_sweep_to_verdict": "research",
    "learning": "research",
}
"""In the order of the page: the name of each benchmark and its group, the folder of its file."""

PAGE = Path("docs/benchmarks.md")


def main(arguments: list[str] | None = None) -> int:
    """Run each in its own process; return 1 if a limit is missed or a benchmark breaks."""
    given = _parser().parse_args(arguments)
    failed = [name for name in given.benchmarks if _run(name, given)]
    saved = [given.results / f"{name}.json" for name in given.benchmarks]
    broken = [path.stem for path in saved if not path.exists()]
    if broken:
        CONSOLE.print(f"Broken: {', '.join(broken)}; the page is not written.", style="bold red")
        return MISSED
    records = [Record.read(path) for path in saved]
    page = given.page or (given.results / PAGE.name if given.quick else PAGE)
    write_page(records, page)
    CONSOLE.print(f"Written to {page}")
    if failed:
        CONSOLE.print(f"Limits missed: {', '.join(failed)}", style="bold red")
    return MISSED if failed else MET


def _run(name: str, given: argparse.Namespace) -> int:
    """Run one, after removing its earlier record, which must not stand in for a broken run."""
    (given.results / f"{name}.json").unlink(missing_ok=True)
    command = [
        sys.executable,
        "-m",
        f"benchmarks.{BENCHMARKS[name]}.{name}",
        "--results",
        str(given.results),
    ]
    command += ["--quick"] if given.quick else []
    command += ["--rounds", str(given.rounds)] if given.rounds else []
    return subprocess.run(command, check=False).returncode


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    add_common(parser)
    parser.add_argument(
        "--page",
        type=Path,
        metavar="FILE",
        help=f"the page to write (default {PAGE}; with --quick, beside the results)",
    )
    parser.add_argument(
        "benchmarks",
        nargs="*",
        default=list(BENCHMARKS),
        metavar="NAME",
        help=", ".join(BENCHMARKS),
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
