"""One partition per symbol, in the order of the universe's file, and the tags that name them."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from itertools import groupby

import dagster as dg

PARTITION_TAG = "dagster/partition"
RANGE_START_TAG = "dagster/asset_partition_range_start"
RANGE_END_TAG = "dagster/asset_partition_range_end"
"""The tags that say which partitions a run is for; a range includes both of its ends."""


def build_symbol_partitions(universe: Sequence[str]) -> dg.StaticPartitionsDefinition:
    """Return the partitions of a universe."""
    return dg.StaticPartitionsDefinition(list(universe))


def build_backfill_policy(symbols_per_run: int | None) -> dg.BackfillPolicy:
    """Return the policy that makes a backfill one run, or several runs of so many symbols.

    `dagster asset materialize --partition-range` accepts only the policy of one run.
    """
    if symbols_per_run is None:
        return dg.BackfillPolicy.single_run()
    return dg.BackfillPolicy.multi_run(symbols_per_run)


def build_partition_tags(first: str, last: str) -> dict[str, str]:
    """Return the tags of a run for a range of partitions, which may be a single one."""
    if first == last:
        return {PARTITION_TAG: first}
    return {RANGE_START_TAG: first, RANGE_END_TAG: last}


def select_partition_tags(tags: Mapping[str, str]) -> dict[str, str]:
    """Return those of a run's tags that say which partitions it is for."""
    names = (PARTITION_TAG, RANGE_START_TAG, RANGE_END_TAG)
    return {name: tags[name] for name in names if name in tags}


def find_contiguous_ranges(
    universe: Sequence[str], chosen: Collection[str]
) -> list[tuple[str, str]]:
    """Return the first and last symbol of each contiguous range of chosen symbols."""
    wanted = set(chosen)
    ranges = []
    for is_chosen, group in groupby(universe, key=wanted.__contains__):
        if is_chosen:
            symbols = list(group)
            ranges.append((symbols[0], symbols[-1]))
    return ranges


def split_into_runs(
    chosen: Mapping[dg.AssetKey, Collection[str]], universe: Sequence[str]
) -> Iterator[tuple[frozenset[dg.AssetKey], tuple[str, str]]]:
    """Yield the runs that cover exactly the chosen symbols of each asset.

    One run for each contiguous range of symbols with the same assets: those, first and last symbol.
    """
    assets = {
        symbol: frozenset(key for key, symbols in chosen.items() if symbol in symbols)
        for symbol in universe
    }
    for keys in sorted(set(assets.values()) - {frozenset()}, key=sorted):
        symbols = {symbol for symbol in universe if assets[symbol] == keys}
        for ends in find_contiguous_ranges(universe, symbols):
            yield keys, ends
