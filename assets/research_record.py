"""What a run says of its research: which files have its numbers."""

from collections.abc import Mapping
from uuid import UUID

import dagster as dg

from assets.research_inputs import ResearchInputs
from resources.config.run_purpose import find_purpose
from resources.market_data.resource import MarketData
from resources.result_store.resource import ResultStore


def record_files(
    context: dg.AssetExecutionContext,
    inputs: ResearchInputs,
    market_data: MarketData,
    result_store: ResultStore,
    files: Mapping[str, UUID],
) -> None:
    """Record with the run which files of a research step are its own, under the step's name.

    Their names say what they are of, and only the step can say it; the report reads them.

    Parameters
    ----------
    files
        The identity of the file of each strategy.
    """
    window, run = inputs.run_settings.window(), context.run
    found = {
        "scope": str(inputs.scope.identifier),
        "files": {name: str(identity) for name, identity in files.items()},
    }
    result_store.manager().record_run(
        run.run_id,
        purpose=find_purpose(run.tags, market_data, inputs.run_settings),
        run_user=run.tags.get("user"),
        source=inputs.source,
        start_date=window.start,
        end_date=window.end,
        profile={context.op_execution_context.op.name: found},
    )
