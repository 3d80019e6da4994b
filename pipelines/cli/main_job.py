"""The main job, as `make run` starts it: the whole graph over the whole universe.

Dagster takes a second to import, and many when the disk is slow: settings are checked and the first
line is printed before that.
"""

import argparse
import gc
import os
import sys
import warnings
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from pipelines.cli.terminal import open_terminal, print_as_it_is, print_error, print_wrapped
from pipelines.cli.ui_command import DEFAULT_PORT, describe_ui
from resources.config.environment import EnvironmentSettings
from resources.splits import load_splits
from strategies.errors import GauntletError
from strategies.registry import registered_strategies

_FAILED = 1
_REFUSED = 2
_INTERRUPTED = 130


def main(arguments: list[str] | None = None) -> int:
    """Run the main job; return 0, 1 if the run failed, 2 if it was refused before it began."""
    given = _build_parser().parse_args(arguments)
    os.environ.setdefault("DAGSTER_HOME", str(Path.cwd()))
    console, errors = open_terminal()
    try:
        settings = EnvironmentSettings.from_environment(os.environ)
        universe = settings.load_universe()
        symbols = universe.symbols if given.symbol is None else universe.select(given.symbol)
        load_splits(settings.splits)  # refuses a bad file before anything starts
        _print_heading(console, settings, len(symbols))
        return _run(settings, universe.symbols, symbols, console, errors, given.port)
    except GauntletError as error:
        print_error(errors, f"Refused: {error}")
        return _REFUSED
    except KeyboardInterrupt:
        print_error(errors, "Interrupted; what was finished is kept.")
        return _INTERRUPTED


def _build_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="make run",
        description="Materialize prices, backtests, summaries and the leaderboard of the whole "
        "universe in one run, then print the leaderboard.",
        epilog="Settings are environment variables, or variables of make: GAUNTLET_SOURCE "
        "(SOURCE), GAUNTLET_PRICES (PRICES), GAUNTLET_UNIVERSE (UNIVERSE), GAUNTLET_START "
        "(START), GAUNTLET_END (END); GAUNTLET_HOME says where data lives and DATABASE_URL "
        "which PostgreSQL to use. The README shows each.",
    )
    parser.add_argument(
        "--symbol",
        type=_split_names,
        metavar="SYMBOL[,SYMBOL...]",
        help="these symbols of the universe only (SYMBOL)",
    )
    parser.add_argument(
        "--port",
        type=int,
        default=DEFAULT_PORT,
        help="the port of the Dagster UI in the address that is printed at the end (PORT)",
    )
    return parser


def _split_names(text: str) -> list[str]:
    return [name.strip() for name in text.split(",") if name.strip()]


def _print_heading(console: Console, settings: EnvironmentSettings, symbols: int) -> None:
    line = (
        f"{symbols} symbol{'s' * (symbols != 1)} x {len(registered_strategies())} strategies, "
        f"source {settings.source}, {settings.start} to {settings.end}"
    )
    print_wrapped(console, line, indent=2, style="bold")


def _run(
    settings: EnvironmentSettings,
    universe: Sequence[str],
    symbols: Sequence[str],
    console: Console,
    errors: Console,
    port: int,
) -> int:
    with console.status("Loading Dagster"):
        import dagster as dg

        from pipelines.cli.materialize import materialize_symbols
        from pipelines.cli.progress import Progress
        from pipelines.cli.run_log import logged_to, new_log_file
        from pipelines.cli.summary import (
            print_checks,
            print_failures,
            print_leaderboard,
            print_places,
        )
        from pipelines.resources import build_resources
    warnings.simplefilter("ignore", dg.BetaWarning)
    # What is imported lives as long as this process; collecting it again and again costs 0.5 s.
    gc.freeze()
    resources = build_resources(settings)
    with console.status("Starting PostgreSQL"):
        resources["result_store"].check_reachable()
    progress, log = Progress(console), new_log_file(settings.home / "logs")
    with logged_to(log), progress.shown():
        done = materialize_symbols(settings, universe, symbols, progress, progress.say)
    manager = resources["result_store"].manager()
    print_failures(console, [one for run in done.run_ids for one in manager.get_failures(run)])
    print_checks(console, progress.broken_checks)
    for reason in done.reasons:
        print_error(errors, f"Failed: {reason} (log: {log})")
    if done.reasons:
        return _FAILED
    print_leaderboard(console, manager.get_leaderboard(done.run_ids[-1]))
    print_places(console, resources, log)
    console.print()
    print_as_it_is(console, describe_ui(os.environ, port))
    return 0


if __name__ == "__main__":
    sys.exit(main())
