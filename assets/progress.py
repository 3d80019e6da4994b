"""Progress on long work, said in the run's log every few seconds."""

import time
from collections.abc import Iterator, Sequence
from typing import TypeVar

import dagster as dg

Item = TypeVar("Item")

_SECONDS_BETWEEN = 5.0


def with_progress(
    context: dg.AssetExecutionContext | dg.OpExecutionContext, items: Sequence[Item], what: str
) -> Iterator[Item]:
    """Yield the items, saying now and then how many are done; quick work passes in silence."""
    said = time.monotonic()
    for done, item in enumerate(items, start=1):
        yield item
        if done < len(items) and time.monotonic() - said >= _SECONDS_BETWEEN:
            said = time.monotonic()
            context.log.info(f"{done} of {len(items)} {what}")
