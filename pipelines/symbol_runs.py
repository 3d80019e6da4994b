"""Symbols as runs: the one place that turns a list of symbols into what Dagster executes.

A run is for one contiguous range of the partitions' order, so symbols that are not neighbours in
the universe's file take several runs. What has no partitions, the leaderboard, is made of the
results of all of them: it waits for the last, in a run of its own. Research is done on the whole
universe: runs of less of it leave it out.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

import dagster as dg
from dagster._core.definitions.assets.graph.asset_graph import AssetGraph

from assets.asset_keys import RESEARCH_GROUP
from pipelines.partitions import build_partition_tags, find_contiguous_ranges


@dataclass(frozen=True)
class SymbolRun:
    """A run to execute.

    Attributes
    ----------
    assets
        What it materializes.
    tags
        Which partitions it is for; empty for assets without partitions.
    label
        Its symbols, for people.
    run_config
        Settings other than the configured ones.
    run_id
        The identifier that it is to have.
    """

    assets: tuple[dg.AssetKey, ...]
    tags: Mapping[str, str]
    label: str
    run_config: Mapping[str, Any] = field(default_factory=dict)
    run_id: str = field(default_factory=lambda: str(uuid4()))


def plan_runs(
    graph: AssetGraph,
    assets: Collection[dg.AssetKey],
    universe: Sequence[str],
    symbols: Collection[str],
) -> list[SymbolRun]:
    """Return the runs that materialize `assets` for `symbols`, in the order to execute them.

    Without research, unless `symbols` are the whole universe.

    Parameters
    ----------
    universe
        All symbols, in the order of the partitions.
    symbols
        Some of them, at least one.
    """
    ranges = find_contiguous_ranges(universe, symbols)
    if not covers(universe, ranges):
        assets = leave_out_research(graph, assets)
    partitioned = tuple(sorted(key for key in assets if graph.get(key).is_partitioned))
    rest = tuple(sorted(set(assets) - set(partitioned)))
    if len(ranges) == 1:
        return [_build_run(partitioned + rest, *ranges[0])]
    runs = [_build_run(partitioned, *one) for one in ranges]
    if rest:
        runs.append(SymbolRun(rest, {}, ", ".join(key.to_user_string() for key in rest)))
    return runs


def covers(universe: Sequence[str], ranges: Sequence[tuple[str, str]]) -> bool:
    """Return whether ranges of symbols are one, and the whole universe."""
    return list(ranges) == [(universe[0], universe[-1])]


def leave_out_research(graph: AssetGraph, assets: Iterable[dg.AssetKey]) -> list[dg.AssetKey]:
    """Return the assets that a run of less than the whole universe makes, sorted.

    Research is done on all symbols, whatever the run is for: runs of some would do it each.
    """
    return sorted(key for key in assets if graph.get(key).group_name != RESEARCH_GROUP)


def _build_run(assets: tuple[dg.AssetKey, ...], first: str, last: str) -> SymbolRun:
    label = name_range(first, last)
    return SymbolRun(assets, build_partition_tags(first, last), label)


def name_range(first: str, last: str) -> str:
    """Return the name of a contiguous range of symbols, for people."""
    return first if first == last else f"{first} to {last}"
