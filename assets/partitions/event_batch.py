"""Events that a step logs, handed to Dagster as one batch.

`context.log_event` stores each event by itself; a storage that takes batches is called once for
all of them. Dagster does that for its own events only, so this module reaches into the context.
"""

from collections.abc import Sequence

import dagster as dg
from dagster._core.events import (
    DagsterEvent,
    DagsterEventBatchMetadata,
    generate_event_batch_id,
)


def log_materializations(
    context: dg.AssetExecutionContext, materializations: Sequence[dg.AssetMaterialization]
) -> None:
    """Log materializations as `context.log_event` logs one; all are stored on return."""
    step = context.op_execution_context
    batch, last = generate_event_batch_id(), len(materializations) - 1
    for number, materialization in enumerate(materializations):
        place = DagsterEventBatchMetadata(batch, number == last)
        event = DagsterEvent.asset_materialization(
            step.get_step_execution_context(), materialization, place
        )
        step._events.append(event)
