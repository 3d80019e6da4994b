"""The partitions: one a symbol, in the order of the universe's file."""

from collections.abc import Sequence

import dagster as dg


def symbol_partitions(universe: Sequence[str]) -> dg.StaticPartitionsDefinition:
    """Return the partitions of a universe."""
    return dg.StaticPartitionsDefinition(list(universe))


def whole_range(universe: Sequence[str]) -> str:
    """Return the range of all partitions, as `dagster asset materialize` takes it."""
    return f"{universe[0]}...{universe[-1]}"
