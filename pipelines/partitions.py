"""The partitions: one a symbol, in the order of the universe's file, and how runs name several."""

from collections.abc import Collection, Mapping, Sequence
from itertools import groupby

import dagster as dg

ONE = "dagster/partition"
RANGE_START = "dagster/asset_partition_range_start"
RANGE_END = "dagster/asset_partition_range_end"
"""The tags by which a run says which partitions it is of; a range includes both of its ends."""


def symbol_partitions(universe: Sequence[str]) -> dg.StaticPartitionsDefinition:
    """Return the partitions of a universe."""
    return dg.StaticPartitionsDefinition(list(universe))


def backfill_policy(symbols_per_run: int | None) -> dg.BackfillPolicy:
    """Return the policy by which a backfill is one run, or runs of so many symbols each.

    `dagster asset materialize --partition-range` takes no other than that of one run.
    """
    if symbols_per_run is None:
        return dg.BackfillPolicy.single_run()
    return dg.BackfillPolicy.multi_run(symbols_per_run)


def tags_of(first: str, last: str) -> dict[str, str]:
    """Return the tags of a run over a range of partitions, of which there may be one only."""
    return {ONE: first} if first == last else {RANGE_START: first, RANGE_END: last}


def partition_tags(tags: Mapping[str, str]) -> dict[str, str]:
    """Return those of a run's tags that say which partitions it is of."""
    return {name: tags[name] for name in (ONE, RANGE_START, RANGE_END) if name in tags}


def unbroken_ranges(universe: Sequence[str], chosen: Collection[str]) -> list[tuple[str, str]]:
    """Return the first and last symbol of each unbroken range of the universe that is chosen."""
    wanted = set(chosen)
    ranges = []
    for is_chosen, group in groupby(universe, key=wanted.__contains__):
        if is_chosen:
            symbols = list(group)
            ranges.append((symbols[0], symbols[-1]))
    return ranges
