"""What analysts ask for: one strategy on a few symbols, with their own settings, at once.

A request is its own run, without partitions. Its results are rows of the result store, under its
user and run; the Dagster UI shows requests and results in the asset `backtest_requests`.
"""

from typing import Any

import dagster as dg
from pydantic import Field

from assets.asset_keys import REQUESTS, REQUESTS_KEY, RESEARCH
from assets.checks.catalogue import THRESHOLD_CHECKS
from assets.checks.threshold_checks import CheckInput, evaluate_outside_graph
from assets.requests.concurrency import measure_concurrent
from assets.requests.handler import (
    RequestResult,
    fetch_missing_bars,
    save_results,
    validate_request,
)
from assets.stage_reporting import build_step_failure, close_stage
from assets.step_failure import failing_in_one_line
from research.audit.stage_profile import ConcurrentRequests, RequestProfile
from research.purpose import Purpose
from resources.config.run_settings import RunSettings
from resources.config.thresholds import Thresholds
from resources.market_data.resource import MarketData
from resources.price_store.store import PriceStore
from resources.result_store.resource import ResultStore
from resources.result_store.run_records import RunRecords, read_recent_profiles
from resources.run_artifacts.backtest_files import BacktestFiles
from resources.universe import Universe

BACKTEST_REQUEST, ANSWER = "backtest_request", "answer"
"""The names of the job, and of its op."""


_REQUESTS_READ = 500


class BacktestRequest(dg.Config):
    """What is asked for; window, execution, costs and stops are those of `run_settings`.

    Analysts fill in what `assets.requests.launchpad` makes of it.
    """

    user: str
    symbols: list[str]
    strategy: str
    parameters: dict[str, Any] = Field(default={})


def build_request_spec() -> dg.AssetSpec:
    """Return the asset that requests materialize; nothing else does."""
    return dg.AssetSpec(
        REQUESTS_KEY,
        group_name="results",
        kinds={"postgres"},
        owners=[RESEARCH],
        description="What analysts asked for, and how it was answered. Ask in the launchpad of "
        f"the job {BACKTEST_REQUEST}.",
    )


def build_request_op(universe: Universe) -> dg.OpDefinition:
    """Return the op that answers a request on a universe."""

    @dg.op(name=ANSWER, description="Answers a request, and saves the answer.")
    def answer(
        context: dg.OpExecutionContext,
        config: BacktestRequest,
        market_data: MarketData,
        price_store: PriceStore,
        backtest_files: BacktestFiles,
        run_settings: RunSettings,
        result_store: ResultStore,
        thresholds: Thresholds,
    ) -> None:
        # Here, not above: it brings the whole engine along.
        from assets.backtests.stage import BacktestStage, StageInputs
        from resources.price_store.price_quality import JumpRule

        with failing_in_one_line():
            strategy = validate_request(config, universe, run_settings)
            splits = market_data.load_splits()
        window, source = run_settings.window(), market_data.source
        run_records = RunRecords(
            result_store, source, window, universe, Purpose.REQUEST, config.user
        )
        jump_rule = JumpRule(thresholds.split_odds, splits)
        inputs = StageInputs(
            universe, source, run_settings, price_store, backtest_files, result_store, jump_rule
        )
        purpose, user = Purpose.REQUEST, config.user
        stage = BacktestStage(context, inputs, [strategy], config.symbols, purpose, user)
        request = RequestResult(config.user, stage)
        with failing_in_one_line():
            ready = fetch_missing_bars(request, market_data)
        stage.run(ready)
        save_results(request)
        profile = request.profile()
        concurrent = _measure_concurrent(context, result_store, profile, thresholds)
        profile = profile.model_copy(update={"concurrent_requests": concurrent})
        close_stage(context, run_records, REQUESTS, profile, stage.failures)
        context.log_event(dg.AssetMaterialization(REQUESTS_KEY, metadata=request.metadata()))
        given = CheckInput(REQUESTS_KEY, profile, thresholds)
        for evaluation in evaluate_outside_graph(THRESHOLD_CHECKS[REQUESTS], given):
            # Dagster accepts it, though its types do not say so; a test sees it in the UI.
            context.log_event(evaluation)  # pyright: ignore[reportArgumentType]
        if not _is_success(profile, thresholds):
            raise build_step_failure(stage.failures)

    return answer


def _measure_concurrent(
    context: dg.OpExecutionContext,
    result_store: ResultStore,
    profile: RequestProfile,
    thresholds: Thresholds,
) -> ConcurrentRequests:
    recent = read_recent_profiles(result_store, REQUESTS, RequestProfile, _REQUESTS_READ)
    # Of one that has not come to an end, nothing is known to have succeeded.
    rates = {
        run: one.succeeded / one.requested
        for run, one in [*recent.items(), (context.run.run_id, profile)]
    }
    succeeded = _is_success(profile, thresholds)
    return measure_concurrent(context.instance, context.run, rates, succeeded)


def _is_success(profile: RequestProfile, thresholds: Thresholds) -> bool:
    return (
        profile.succeeded >= thresholds.concurrent_requests_symbol_success_rate * profile.requested
    )
