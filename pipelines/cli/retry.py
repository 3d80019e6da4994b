"""What failed or is missing, as `make retry` runs it: those partitions, and no others."""

import argparse
import sys
from collections.abc import Sequence
from functools import partial

from rich.console import Console

from pipelines.cli.history_error import NoHistoryError
from pipelines.cli.run_command import execute_runs, load_dagster, refuse_bad_files, run_command
from pipelines.cli.terminal import print_wrapped
from pipelines.cli.ui_command import add_port
from pipelines.symbol_runs import SymbolRun
from resources.config.environment import EnvironmentSettings

_SYMBOLS_SHOWN = 10


def main(arguments: list[str] | None = None) -> int:
    """Run what failed or is missing; return 0, 1 if a run failed, 2 if it was refused."""
    given = _build_parser().parse_args(arguments)
    return run_command(partial(_retry, given.port))


def _build_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="make retry",
        description="Materialize the partitions that failed or are missing, and what is downstream "
        "of them: one run for each contiguous range of symbols. The runs have the settings of the "
        "newest leaderboard, so that their results belong to it.",
        epilog="Settings are those of `make run`.",
    )
    add_port(parser)
    return parser


def _retry(port: int, settings: EnvironmentSettings, console: Console, errors: Console) -> int:
    refuse_bad_files(settings, settings.load_universe())
    load_dagster(console)
    runs, symbols = _plan(settings, console)
    if not runs:
        console.print("Nothing failed, and nothing is missing.")
        return 0
    _print_heading(console, settings, symbols, len(runs))
    return execute_runs(settings, lambda *_: runs, console, errors, port)


def _plan(settings: EnvironmentSettings, console: Console) -> tuple[list[SymbolRun], list[str]]:
    """Return the runs to make, and the symbols that they are for."""
    import dagster as dg

    from assets.asset_keys import LEADERBOARD_KEY, RESEARCH_GROUP
    from pipelines.automation.staleness import get_leaderboard_config
    from pipelines.cli.materialize import report_dead_runs
    from pipelines.definitions import build_defs
    from pipelines.partitions import build_partition_tags, split_into_runs
    from pipelines.symbol_runs import covers, leave_out_research, name_range
    from resources.dagster_event_log.read_status import read_partition_status

    universe = settings.load_universe().symbols
    graph = build_defs(settings).resolve_asset_graph()
    try:
        with dg.DagsterInstance.get() as instance:
            report_dead_runs(instance, partial(print_wrapped, console))
            status = read_partition_status(instance, graph)
            run_config, purpose = get_leaderboard_config(instance, graph)
    except Exception as error:
        raise NoHistoryError.of(error) from error
    chosen = {key: one.failed | one.missing for key, one in status.items()}
    runs: list[SymbolRun] = []
    research: set[dg.AssetKey] = set()
    for keys, ends in split_into_runs(chosen, universe):
        assets = dg.AssetSelection.assets(*keys).downstream().resolve(graph)
        whole = covers(universe, [ends])
        of_symbols = sorted(assets) if whole else leave_out_research(graph, assets)
        research.update(assets - set(of_symbols))
        tags = {**build_partition_tags(*ends), **purpose}
        runs.append(SymbolRun(tuple(of_symbols), tags, name_range(*ends), run_config))
    if research:  # once, when all symbols are there, and with the leaderboard that shows it
        last = tuple(sorted(research | {LEADERBOARD_KEY}))
        runs.append(SymbolRun(last, purpose, RESEARCH_GROUP, run_config))
    every = frozenset[str]().union(*chosen.values())
    return runs, [symbol for symbol in universe if symbol in every]


def _print_heading(
    console: Console, settings: EnvironmentSettings, symbols: Sequence[str], runs: int
) -> None:
    more = f" and {len(symbols) - _SYMBOLS_SHOWN} more" if len(symbols) > _SYMBOLS_SHOWN else ""
    failed = "1 symbol failed or is missing"
    if len(symbols) > 1:
        failed = f"{len(symbols)} symbols failed or are missing"
    line = (
        f"{failed}, source {settings.source}, {runs} {'run' if runs == 1 else 'runs'}: "
        f"{', '.join(symbols[:_SYMBOLS_SHOWN])}{more}"
    )
    print_wrapped(console, line, indent=2, style="bold")


if __name__ == "__main__":
    sys.exit(main())
