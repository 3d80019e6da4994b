"""What failed or is missing, as `make retry` runs it: those partitions, and no others."""

import argparse
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import dagster as dg
from rich.console import Console

from pipelines.automation.staleness import get_leaderboard_config
from pipelines.cli.main_job import run_command
from pipelines.cli.materialize import materialize_all
from pipelines.cli.progress import Progress
from pipelines.cli.run_log import logged_to, new_log_file
from pipelines.cli.summary import print_checks, print_failures, print_leaderboard, print_places
from pipelines.definitions import build_defs
from pipelines.partitions import build_partition_tags, split_into_runs
from pipelines.resources import build_resources
from resources.config.environment import EnvironmentSettings
from resources.dagster_event_log.read_status import read_partition_status
from resources.splits import load_splits
from strategies.errors import GauntletError

_SYMBOLS_SHOWN = 10


class NoHistoryError(GauntletError):
    """What failed can't be read from Dagster's history; the text says why."""


@dataclass(frozen=True)
class _Run:
    """A run to make: its assets, its partitions, and their first and last symbol."""

    assets: Sequence[dg.AssetKey]
    first: str
    last: str
    run_config: dict[str, Any]

    @property
    def name(self) -> str:
        return self.first if self.first == self.last else f"{self.first} to {self.last}"


def main(arguments: list[str] | None = None) -> int:
    """Run what failed or is missing; return 0, 1 if a run failed, 2 if it was refused."""
    _build_parser().parse_args(arguments)
    return run_command(_retry)


def _build_parser() -> argparse.ArgumentParser:
    return argparse.ArgumentParser(
        prog="make retry",
        description="Materialize the partitions that failed or are missing, and what is downstream "
        "of them: one run for each contiguous range of symbols. The runs have the settings of the "
        "newest leaderboard, so that their results belong to it.",
        epilog="Settings are those of `make run`.",
    )


def _retry(settings: EnvironmentSettings, console: Console, errors: Console) -> int:
    load_splits(settings.splits)  # refuses a bad file before anything starts
    resources = build_resources(settings)
    with console.status("Starting PostgreSQL"):
        resources["result_store"].check_reachable()
    runs, symbols = _plan(settings)
    if not runs:
        console.print("Nothing failed, and nothing is missing.")
        return 0
    _print_heading(console, settings, symbols, len(runs))
    progress, log = Progress(console), new_log_file(settings.home / "logs")
    reasons: dict[str, str | None] = {}
    with logged_to(log), progress.shown():
        for number, run in enumerate(runs, start=1):
            console.print(f"Run {number} of {len(runs)}: {run.name}", style="dim")
            run_id, tags = str(uuid4()), build_partition_tags(run.first, run.last)
            selected = {"asset_selection": run.assets, "run_config": run.run_config}
            reason = materialize_all(settings, run_id, tags, progress, **selected)
            reasons[run_id] = reason and f"{run.name}: {reason}"
    manager = resources["result_store"].manager()
    print_failures(console, [row for run_id in reasons for row in manager.get_failures(run_id)])
    print_checks(console, progress.broken_checks)
    for reason in filter(None, reasons.values()):
        line = f"Failed: {reason} (log: {log})"
        errors.print(line, style="red", markup=False, soft_wrap=True)
    if succeeded := [run_id for run_id, reason in reasons.items() if reason is None]:
        print_leaderboard(console, manager.get_leaderboard(succeeded[-1]))
        print_places(console, resources, log)
    return 0 if len(succeeded) == len(runs) else 1


def _plan(settings: EnvironmentSettings) -> tuple[list[_Run], list[str]]:
    """Return the runs to make, and the symbols that they are for."""
    universe = settings.load_universe().symbols
    graph = build_defs(settings).resolve_asset_graph()
    try:
        with dg.DagsterInstance.get() as instance:
            status = read_partition_status(instance, graph)
            run_config = get_leaderboard_config(instance, graph)
    except Exception as error:
        reason = f"{type(error).__name__}: {' '.join(str(error).split())}"
        raise NoHistoryError(f"Dagster's history can't be read: {reason}") from error
    chosen = {key: one.failed | one.missing for key, one in status.items()}
    runs = [
        _Run(sorted(dg.AssetSelection.assets(*keys).downstream().resolve(graph)), *ends, run_config)
        for keys, ends in split_into_runs(chosen, universe)
    ]
    every = frozenset[str]().union(*chosen.values())
    return runs, [symbol for symbol in universe if symbol in every]


def _print_heading(
    console: Console, settings: EnvironmentSettings, symbols: Sequence[str], runs: int
) -> None:
    more = f" and {len(symbols) - _SYMBOLS_SHOWN} more" if len(symbols) > _SYMBOLS_SHOWN else ""
    console.print(
        f"[bold]{len(symbols)} symbols failed or are missing[/bold], source {settings.source}, "
        f"{runs} {'run' if runs == 1 else 'runs'}: {', '.join(symbols[:_SYMBOLS_SHOWN])}{more}"
    )


if __name__ == "__main__":
    sys.exit(main())
