"""The main job without what people add to it: prices, rules, summaries and the leaderboard.

``python -m benchmarks.orchestration.fixed_cost_worker`` runs them as `make run` runs everything,
over the universe of the environment's settings: with the same imports, log, checks and printing.
"""

import sys
from collections.abc import Collection, Sequence
from functools import partial

import dagster as dg
from dagster._core.definitions.assets.graph.asset_graph import AssetGraph
from rich.console import Console

from pipelines.cli.run_command import execute_runs, load_dagster, run_command
from pipelines.symbol_runs import SymbolRun, plan_runs
from resources.config.environment import EnvironmentSettings
from strategies.registry import registered_strategies

_STAGES = {"prices", "backtests", "backtest_summaries", "leaderboard"}


def _run(settings: EnvironmentSettings, console: Console, errors: Console) -> int:
    symbols = settings.load_universe().symbols
    load_dagster(console)
    return execute_runs(settings, partial(_plan, symbols), console, errors, port=3000)


def _plan(
    symbols: Sequence[str], graph: AssetGraph, assets: Collection[dg.AssetKey]
) -> Sequence[SymbolRun]:
    """Return the runs of the stages, for strategies without a model."""
    learning = {name for name, one in registered_strategies().items() if one.learns}
    kept = [one for one in assets if one.path[0] in _STAGES and one.path[-1] not in learning]
    return plan_runs(graph, kept, symbols, symbols)


if __name__ == "__main__":
    sys.exit(run_command(_run))
