"""Progress of long work, logged every few seconds."""

import time
from collections.abc import Iterator, Sequence
from typing import TypeVar

import dagster as dg

Item = TypeVar("Item")

_SECONDS_BETWEEN = 5.0


def with_progress(
    context: dg.AssetExecutionContext | dg.OpExecutionContext, items: Sequence[Item], what: str
) -> Iterator[Item]:
    """Yield the items, and log every few seconds how many are done; short work logs nothing."""
    logged = time.monotonic()
    for done, item in enumerate(items, start=1):
        yield item
        if done < len(items) and time.monotonic() - logged >= _SECONDS_BETWEEN:
            logged = time.monotonic()
            context.log.info(f"{done} of {len(items)} {what}")
