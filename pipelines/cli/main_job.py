"""The main job, as `make run` starts it: the whole graph over the whole universe, in one run."""

import argparse
import gc
import os
import sys
import warnings
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from uuid import uuid4

import dagster as dg
from rich.console import Console

from pipelines.cli.materialize import materialize_all
from pipelines.cli.progress import Progress
from pipelines.cli.run_log import logged_to, new_log_file
from pipelines.cli.summary import print_checks, print_failures, print_leaderboard, print_places
from pipelines.partitions import build_partition_tags
from pipelines.resources import build_resources
from resources.config.environment import EnvironmentSettings
from resources.splits import load_splits
from resources.universe import UniverseError
from strategies.errors import GauntletError, did_you_mean
from strategies.registry import registered_strategies

_REFUSED = 2
_INTERRUPTED = 130


def main(arguments: list[str] | None = None) -> int:
    """Run the main job; return 0, 1 if the run failed, 2 if it was refused before it began."""
    given = _build_parser().parse_args(arguments)
    return run_command(partial(_run, given.symbol))


def run_command(work: Callable[[EnvironmentSettings, Console, Console], int]) -> int:
    """Do a command's work; return its exit code, 2 if the settings were refused.

    Parameters
    ----------
    work
        Gets the settings, and the consoles for output and for errors.
    """
    os.environ.setdefault("DAGSTER_HOME", str(Path.cwd()))
    warnings.simplefilter("ignore", dg.BetaWarning)
    # What is imported lives as long as this process; collecting it again and again costs 0.5 s.
    gc.freeze()
    # Of its own descriptor: the run's log silences that of stdout.
    terminal = os.fdopen(os.dup(sys.stdout.fileno()), "w", encoding=sys.stdout.encoding)
    console, errors = Console(file=terminal, width=Console().width), Console(stderr=True)
    try:
        return work(EnvironmentSettings.from_environment(os.environ), console, errors)
    except GauntletError as error:
        errors.print(f"Refused: {error}", style="red", markup=False, soft_wrap=True)
        return _REFUSED
    except KeyboardInterrupt:
        errors.print("Interrupted; what was finished is kept.", style="red")
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
    parser.add_argument("--symbol", help="this symbol of the universe only (SYMBOL)")
    return parser


def _run(
    symbol: str | None, settings: EnvironmentSettings, console: Console, errors: Console
) -> int:
    universe = settings.load_universe().symbols
    load_splits(settings.splits)  # refuses a bad file before anything starts
    tags = _build_tags(universe, symbol)
    resources = build_resources(settings)
    with console.status("Starting PostgreSQL"):
        resources["result_store"].check_reachable()
    _print_heading(console, settings, 1 if symbol else len(universe))
    progress, log, run_id = Progress(console), new_log_file(settings.home / "logs"), str(uuid4())
    with logged_to(log), progress.shown():
        reason = materialize_all(settings, run_id, tags, progress)
    manager = resources["result_store"].manager()
    print_failures(console, manager.get_failures(run_id))
    print_checks(console, progress.broken_checks)
    if reason is not None:
        line = f"Failed: {reason} (log: {log})"
        errors.print(line, style="red", markup=False, soft_wrap=True)
        return 1
    folder = print_leaderboard(console, manager, run_id)
    print_places(console, resources, log, folder)
    return 0


def _build_tags(universe: Sequence[str], symbol: str | None) -> dict[str, str]:
    """Return the tags of a run over one symbol, or over all."""
    if symbol is None:
        return build_partition_tags(universe[0], universe[-1])
    if symbol not in universe:
        raise UniverseError(
            f"'{symbol}' is not among the {len(universe)} symbols of the universe."
            f"{did_you_mean(symbol.upper(), universe)}"
        )
    return build_partition_tags(symbol, symbol)


def _print_heading(console: Console, settings: EnvironmentSettings, symbols: int) -> None:
    console.print(
        f"[bold]{symbols} symbols x {len(registered_strategies())} strategies[/bold], "
        f"source {settings.source}, {settings.start} to {settings.end}"
    )


if __name__ == "__main__":
    sys.exit(main())
