"""The job that analysts launch to request backtests, from the launchpad or through GraphQL."""

import dagster as dg

from assets.requests.launchpad import build_request_mapping
from assets.requests.op import ANSWER, BACKTEST_REQUEST, build_request_op
from resources.config.run_settings import RunSettings
from resources.universe import Universe


def build_request_job(universe: Universe, run_settings: RunSettings) -> dg.JobDefinition:
    """Return the job; each request is a run of it, on the configured settings unless it says."""
    answer = build_request_op(universe)

    @dg.job(
        name=BACKTEST_REQUEST,
        config=build_request_mapping(universe, run_settings, ANSWER),
        executor_def=dg.in_process_executor,
        description="Backtests one strategy on a few symbols for one user. The launchpad shows an "
        "example: change user, symbols, strategy, parameters, window and costs, and launch it. "
        "Tag the run `user: <name>` as well: it limits how many runs one user has at once.",
    )
    def backtest_request():
        answer()

    return backtest_request
