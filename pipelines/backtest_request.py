"""The job that analysts launch to request backtests, from the launchpad or through GraphQL."""

import dagster as dg

from assets.requests.op import BACKTEST_REQUEST, build_request_op
from resources.universe import Universe


def build_request_job(universe: Universe) -> dg.JobDefinition:
    """Return the job; each request is a run of it."""
    answer = build_request_op(universe)

    @dg.job(
        name=BACKTEST_REQUEST,
        executor_def=dg.in_process_executor,
        description="Backtests one strategy on a few symbols for one user. The launchpad shows "
        "the config: user, symbols, strategy, parameters, and under run_settings the window, the "
        "execution and the costs. Tag the run `user: <name>` as well: it limits how many runs one "
        "user has at once.",
    )
    def backtest_request():
        answer()

    return backtest_request
