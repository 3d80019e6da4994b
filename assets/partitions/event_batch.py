"""Events that a step logs, handed to Dagster as one batch.

`context.log_event` stores each event by itself; a storage that takes batches is called once for
all of them. Dagster does that for its own events only, so this module reaches into the context.
"""

import logging
from collections.abc import Iterator, Sequence
from typing import TypeVar

import dagster as dg
from dagster._core.definitions.events import AssetMaterializationFailure
from dagster._core.events import (
    DagsterEvent,
    DagsterEventBatchMetadata,
    StepMaterializationData,
    generate_event_batch_id,
)

Event = TypeVar("Event")


def log_materializations(
    context: dg.AssetExecutionContext, materializations: Sequence[dg.AssetMaterialization]
) -> None:
    """Log materializations as `context.log_event` logs one; all are stored on return.

    What is stored names its step and no more, as the events of failures and of plans do: Dagster
    repeats in every one, in 450 bytes, what the events of the step have, and sends each to
    Python's loggers. In the result of a run in this process they have it.
    """
    op = context.op_execution_context
    step = op.get_step_execution_context()
    for materialization, place in _number(materializations):
        event = DagsterEvent(
            dg.DagsterEventType.ASSET_MATERIALIZATION.value,
            step.job_name,
            step_key=step.step.key,
            event_specific_data=StepMaterializationData(materialization),
            message=f"Materialized value {materialization.label}.",
        )
        context.instance.report_dagster_event(event, step.run_id, logging.DEBUG, place)
        named = event._replace(step_handle=step.step.handle, node_handle=step.step.node_handle)
        op._events.append(named)


def log_failures(
    context: dg.AssetExecutionContext, failures: Sequence[AssetMaterializationFailure]
) -> None:
    """Log materializations that failed; all are stored on return, in a storage that keeps them.

    Dagster's own storages keep none: `resources.dagster_event_log` has those that do.
    """
    step = context.op_execution_context.get_step_execution_context()
    for failure, place in _number(failures):
        event = DagsterEvent.build_asset_failed_to_materialize_event(
            step.job_name, step.step.key, failure
        )
        context.instance.report_dagster_event(event, step.run_id, logging.WARNING, place)


def _number(events: Sequence[Event]) -> Iterator[tuple[Event, DagsterEventBatchMetadata]]:
    """Yield each event with its place in a batch of all."""
    batch, last = generate_event_batch_id(), len(events) - 1
    for number, event in enumerate(events):
        yield event, DagsterEventBatchMetadata(batch, number == last)
