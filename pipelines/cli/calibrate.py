"""Measures how often verdicts are wrong, as `make calibrate` does, and writes the page."""

import argparse
import os
import sys
from pathlib import Path

from engine.code_version import gauntlet_version
from pipelines.cli.terminal import open_terminal
from strategies.errors import UnknownStrategyError
from strategies.registry import get_strategy

PAGE = Path("docs/calibration.md")

# Processes share the processors already: threads inside a product of matrices get in their way.
_THREADS = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS")


def main(arguments: list[str] | None = None) -> int:
    """Run all cases; return 0."""
    given = _build_parser().parse_args(arguments)
    for name in _THREADS:
        os.environ.setdefault(name, "1")
    from rich.progress import Progress

    from research.calibration.cases import list_cases
    from research.calibration.page import render_page
    from research.calibration.rates import CaseRates
    from research.calibration.run import calibrate

    console, _ = open_terminal()
    cases = list_cases()
    found: dict[str, CaseRates] = {}
    with Progress(console=console) as bar:
        task = bar.add_task("universes", total=given.universes * len(cases))
        drawn = calibrate(
            cases,
            given.universes,
            seed=given.seed,
            processes=given.processes,
            names=tuple(sorted(given.strategies)) or None,
        )
        for case, rates in drawn:
            found[str(case)] = rates
            bar.update(task, advance=1, description=f"{case.name}, {case.market.correlation}")
    results = [(case, found[str(case)]) for case in cases]
    page = render_page(results, seed=given.seed, version=gauntlet_version())
    given.page.write_text(page, encoding="utf-8")
    console.print(f"Written to {given.page}")
    return 0


def _build_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="make calibrate",
        description="Draw universes with and without an edge, judge each as real results are "
        "judged, and write how often verdicts are wrong. 500 universes per case take an hour of "
        "processor time; the same seed gives the same page, whatever the number of processes.",
    )
    parser.add_argument("--universes", type=_count, default=500, help="per case (500)")
    parser.add_argument("--seed", type=int, default=2, help="other seeds draw others (2)")
    parser.add_argument(
        "--processes", type=_count, default=os.cpu_count() or 1, help="at once (all processors)"
    )
    parser.add_argument(
        "--strategies",
        type=_strategy,
        nargs="+",
        default=(),
        metavar="NAME",
        help="that are tried (those that fit no model; a fit takes most of the time)",
    )
    parser.add_argument("--page", type=_page, default=PAGE, help=f"what is written ({PAGE})")
    return parser


def _count(text: str) -> int:
    if not (text.isascii() and text.isdigit() and int(text)):
        raise argparse.ArgumentTypeError(f"{text!r}; allowed: whole numbers from 1")
    return int(text)


def _strategy(text: str) -> str:
    try:
        return get_strategy(text).name
    except UnknownStrategyError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def _page(text: str) -> Path:
    # Before an hour of work, not after it.
    page = Path(text)
    if page.is_dir() or not page.absolute().parent.is_dir():
        raise argparse.ArgumentTypeError(f"{text!r}; allowed: a file in a folder that exists")
    return page


if __name__ == "__main__":
    sys.exit(main())
