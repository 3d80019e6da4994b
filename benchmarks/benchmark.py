"""A benchmark as a command: its options, its limits, its output and its exit code."""

import argparse
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from rich.table import Table as ScreenTable

from benchmarks.clock import wall_seconds
from benchmarks.harness import CONSOLE
from benchmarks.machine import machine
from benchmarks.render import figure, limit_of
from benchmarks.report import Record, Report

RESULTS = Path(".data/benchmarks")

MET, MISSED = 0, 1


@dataclass(frozen=True)
class Options:
    """How a benchmark is run.

    Parameters
    ----------
    quick
        Whether sizes are small: enough to see that it works, not how fast it is.
    rounds
        How many times each contender is timed at most.
    limits
        By name; those of the benchmark, unless the command line overrides them.
    """

    quick: bool
    rounds: int
    limits: Mapping[str, float]


@dataclass(frozen=True)
class Benchmark:
    """One benchmark.

    Parameters
    ----------
    name
        That of its file.
    text
        The docstring of its file: the first line is its heading.
    limits
        What it is held to, by name.
    run
        Measures, and compares what it measured with the limits.
    group
        The folder of its file.
    """

    name: str
    text: str
    limits: Mapping[str, float]
    run: Callable[[Options], Report]
    group: str = "engine"


def main(benchmark: Benchmark, arguments: list[str] | None = None) -> int:
    """Run a benchmark from the command line; return 1 if a limit is missed, otherwise 0."""
    given = _parser(benchmark).parse_args(arguments)
    rounds = given.rounds or (2 if given.quick else 5)
    options = Options(given.quick, rounds, {**benchmark.limits, **dict(given.limit)})
    CONSOLE.rule(benchmark.text.splitlines()[0])
    begun = wall_seconds()
    report = _measure(benchmark, options)
    record = Record(
        benchmark.name,
        benchmark.text,
        given.quick,
        machine(),
        report,
        benchmark.group,
        wall_seconds() - begun,
    )
    CONSOLE.print(f"Written to {record.write(given.results)}", style="dim")
    return MISSED if report.missed else MET


def _measure(benchmark: Benchmark, options: Options) -> Report:
    """Return what was measured; with a limit missed, once more: neighbours may have been loud."""
    report = benchmark.run(options)
    show(report)
    if report.missed and not options.quick:
        CONSOLE.print("A limit is missed: measured once more, which counts.", style="yellow")
        report = benchmark.run(options)
        report.remarks.append("Measured twice, because the first time a limit was missed.")
        show(report)
    return report


def show(report: Report) -> None:
    """Print the tables, then the verdict on each limit."""
    for table in report.tables:
        _print(table.title, table.columns, table.rows)
    for remark in report.remarks:
        CONSOLE.print(remark)
    for verdict in report.verdicts:
        style = {"met": "green", "missed": "bold red", "not judged": "yellow"}[verdict.status]
        aim = {None: "", True: ", aim reached", False: ", aim not reached"}[verdict.aim_reached]
        CONSOLE.print(
            f"{verdict.status.upper()}  {verdict.what}: {figure(verdict)} "
            f"({limit_of(verdict)}{aim}) {verdict.why_not}".rstrip(),
            style=style,
        )


def _print(title: str, columns: list[str], rows: list[list[str]]) -> None:
    screen = ScreenTable(title=title, title_justify="left")
    for number, column in enumerate(columns):
        screen.add_column(column, justify="right" if number else "left")
    for row in rows:
        screen.add_row(*row)
    CONSOLE.print(screen)


def _parser(benchmark: Benchmark) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog=f"python -m benchmarks.{benchmark.group}.{benchmark.name}",
        description=benchmark.text,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add_common(parser)
    parser.add_argument(
        "--limit",
        metavar="NAME=VALUE",
        type=_named(benchmark.limits),
        action="append",
        default=[],
        help="override a limit; the limits are: "
        + (", ".join(f"{name}={value:g}" for name, value in benchmark.limits.items()) or "none"),
    )
    return parser


def add_common(parser: argparse.ArgumentParser) -> None:
    """Add the options that are the same for one benchmark and for all of them."""
    parser.add_argument("--quick", action="store_true", help="small sizes, to see that it works")
    parser.add_argument(
        "--rounds",
        type=int,
        help="timings of each contender at most (default 5; fewer when they are steady)",
    )
    parser.add_argument(
        "--results",
        type=Path,
        default=RESULTS,
        metavar="FOLDER",
        help="where results are saved as JSON (default %(default)s)",
    )


def _named(limits: Mapping[str, float]) -> Callable[[str], tuple[str, float]]:
    def limit(text: str) -> tuple[str, float]:
        name, _, value = text.partition("=")
        if name not in limits:
            raise argparse.ArgumentTypeError(
                f"there is no limit '{name}'; the limits are: {', '.join(limits) or 'none'}"
            )
        return name, float(value)

    return limit
