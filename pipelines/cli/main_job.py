"""The main job, as `make run` starts it: the whole graph over the whole universe, in one run.

It runs `dagster asset materialize` as anybody would and says what matters of its output; the
rest is kept in a log file.
"""

import argparse
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import dagster as dg
from rich.console import Console

from assets.leaderboard import compared
from pipelines.automation.failure_reason import why_it_failed
from pipelines.cli.log_parser import RunOutput
from pipelines.cli.summary import print_failures, print_leaderboard, print_places
from pipelines.partitions import whole_range
from pipelines.resources import build_resources
from resources.config.environment import EnvironmentSettings
from resources.universe import UniverseError
from strategies.errors import GauntletError, did_you_mean
from strategies.registry import registered_strategies

_REFUSED = 2
_INTERRUPTED = 130

# Said on every use of the command, to whoever reads; the command is documented and kept.
_SUPERSEDED = "ignore:Function `asset_materialize_command` is superseded"


def main(arguments: list[str] | None = None) -> int:
    """Run the main job; return 0, 1 if the run failed, 2 if it was refused before it began."""
    asked = _parser().parse_args(arguments)
    os.environ.setdefault("DAGSTER_HOME", str(Path.cwd()))
    console, errors = Console(), Console(stderr=True)
    try:
        return _run(EnvironmentSettings.from_environment(os.environ), asked.symbol, console, errors)
    except GauntletError as error:
        errors.print(f"Refused: {error}", style="red", markup=False, soft_wrap=True)
        return _REFUSED
    except KeyboardInterrupt:
        errors.print("Interrupted; what was finished is kept.", style="red")
        return _INTERRUPTED


def _parser() -> argparse.ArgumentParser:
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
    settings: EnvironmentSettings, symbol: str | None, console: Console, errors: Console
) -> int:
    universe = settings.load_universe().symbols
    partitions = _partitions(universe, symbol)
    resources = build_resources(settings)
    with console.status("Starting PostgreSQL"):
        resources["result_store"].check_reachable()
    _print_heading(console, settings, 1 if symbol else len(universe))
    output = RunOutput(console, settings.home / "logs")
    succeeded = _materialize(partitions, output)
    manager = resources["result_store"].manager()
    if output.run_id:
        print_failures(console, manager.get_failures(output.run_id))
    if not succeeded:
        told = f"Failed: {_reason(output)} (log: {output.log})"
        errors.print(told, style="red", markup=False, soft_wrap=True)
        return 1
    terms = resources["market_data"], resources["run_settings"]
    comparison = compared(universe, list(registered_strategies()), *terms)
    print_leaderboard(console, manager.leaderboard(comparison))
    print_places(console, resources, output.log)
    return 0


def _partitions(universe: Sequence[str], symbol: str | None) -> list[str]:
    """Return the options of `dagster asset materialize` that choose the partitions."""
    if not symbol:
        return ["--partition-range", whole_range(universe)]
    if symbol not in universe:
        raise UniverseError(
            f"'{symbol}' is not among the {len(universe)} symbols of the universe."
            f"{did_you_mean(symbol.upper(), universe)}"
        )
    return ["--partition", symbol]


def _print_heading(console: Console, settings: EnvironmentSettings, symbols: int) -> None:
    console.print(
        f"[bold]{symbols} symbols x {len(registered_strategies())} strategies[/bold], "
        f"source {settings.source}, {settings.start} to {settings.end}"
    )


def _materialize(partitions: Sequence[str], output: RunOutput) -> bool:
    command = [sys.executable, "-m", "dagster", "asset", "materialize", "--select", "*"]
    command += [*partitions, "-m", "pipelines.definitions"]
    process = subprocess.Popen(  # noqa: S603 - our own interpreter, our own arguments
        command,
        env=_environment(os.environ),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
    )
    with process:
        output.follow(process.stdout or [])
    return process.returncode == 0


def _environment(environ: Mapping[str, str]) -> dict[str, str]:
    warnings = ",".join(filter(None, [environ.get("PYTHONWARNINGS"), _SUPERSEDED]))
    # A range is one run, and Dagster's command refuses to hear of several.
    ours = {name: text for name, text in environ.items() if name != "GAUNTLET_SYMBOLS_PER_RUN"}
    return {**ours, "PYTHONWARNINGS": warnings, "PYTHONUNBUFFERED": "1"}


def _reason(output: RunOutput) -> str:
    if output.run_id is None:
        return output.last_line
    with dg.DagsterInstance.get() as instance:
        return why_it_failed(instance, output.run_id)


if __name__ == "__main__":
    sys.exit(main())
