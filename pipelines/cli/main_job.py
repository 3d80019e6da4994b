"""The main job, as `make run` starts it: the whole graph over the whole universe.

Dagster takes a second to import, and many when the disk is slow: settings are checked and the first
line is printed before that.
"""

import argparse
import sys
from collections.abc import Sequence
from functools import partial

from rich.console import Console

from pipelines.cli.run_command import execute_runs, load_dagster, refuse_bad_files, run_command
from pipelines.cli.terminal import print_wrapped
from pipelines.cli.ui_command import add_port
from resources.config.environment import EnvironmentSettings
from strategies.registry import registered_strategies


def main(arguments: list[str] | None = None) -> int:
    """Run the main job; return 0, 1 if the run failed, 2 if it was refused before it began."""
    given = _build_parser().parse_args(arguments)
    return run_command(partial(_run, given.symbol, given.port))


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
    add_port(parser)
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
    names: Sequence[str] | None,
    port: int,
    settings: EnvironmentSettings,
    console: Console,
    errors: Console,
) -> int:
    universe = settings.load_universe()
    symbols = universe.symbols if names is None else universe.select(names)
    refuse_bad_files(settings, universe)
    _print_heading(console, settings, len(symbols))
    load_dagster(console)
    from pipelines.cli.materialize import plan_symbols

    plan = plan_symbols(universe.symbols, symbols)
    return execute_runs(settings, plan, console, errors, port)


if __name__ == "__main__":
    sys.exit(main())
