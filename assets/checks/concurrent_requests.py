"""Checks of requests that run at the same time: that they succeed, and how long they take."""

from collections.abc import Callable

from assets.asset_keys import REQUESTS
from assets.checks.check_outcomes import (
    CheckOutcome,
    not_measured,
    require_at_least,
    require_below,
)
from assets.checks.threshold_checks import CheckInput, ThresholdCheck
from research.audit.stage_profile import ConcurrentRequests, RequestProfile
from resources.config.thresholds import Thresholds

Judge = Callable[[ConcurrentRequests, Thresholds], CheckOutcome]


def judge_success(requests: ConcurrentRequests, thresholds: Thresholds) -> CheckOutcome:
    """Judge how many of the requests succeeded."""
    succeeded = requests.ended - len(requests.failed_runs)
    outcome = require_at_least(
        f"{succeeded} of {requests.ended} requests succeeded",
        requests.success_rate,
        thresholds.concurrent_requests_success_rate,
        thresholds.concurrent_requests_success_rate_warning,
    )
    failed = ", ".join(run_id[:8] for run_id in requests.failed_runs)
    shown = {"failed_runs": failed} if failed else {}
    return outcome.with_metadata(requests=requests.requests, **shown)


def judge_symbol_success(requests: ConcurrentRequests, thresholds: Thresholds) -> CheckOutcome:
    """Judge which share of their symbols succeeded, on average."""
    return require_at_least(
        f"Share of symbols that succeeded, on average over {requests.ended} requests",
        requests.symbol_success_rate,
        thresholds.concurrent_requests_symbol_success_rate,
        thresholds.concurrent_requests_symbol_success_rate_warning,
    )


def judge_duration(requests: ConcurrentRequests, thresholds: Thresholds) -> CheckOutcome:
    """Judge how long the requests took, from the first launch to the last end."""
    return require_below(
        f"{requests.requests} requests took",
        requests.wall_seconds,
        thresholds.concurrent_requests_seconds,
        thresholds.concurrent_requests_seconds_warning,
        "s",
        digits=1,
    )


def _judge_with(judge: Judge) -> Callable[[CheckInput[RequestProfile]], CheckOutcome]:
    def judge_profile(given: CheckInput[RequestProfile]) -> CheckOutcome:
        requests = given.profile.concurrent_requests
        if requests is None:
            return not_measured("no request has ended")
        return judge(requests, given.thresholds)

    return judge_profile


_SEE_THE_RUNS = (
    "See the first error of the failed runs: symbols and windows without bars, or a database or "
    "provider that is overloaded."
)

CHECKS = [
    ThresholdCheck(
        REQUESTS,
        "concurrent_requests_succeed",
        "Share of the requests running at the same time that succeeded.",
        ["concurrent_requests_success_rate"],
        _SEE_THE_RUNS,
        _judge_with(judge_success),
    ),
    ThresholdCheck(
        REQUESTS,
        "concurrent_request_symbols_succeed",
        "Share of symbols that succeeded, on average over the requests running at the same time.",
        ["concurrent_requests_symbol_success_rate"],
        _SEE_THE_RUNS,
        _judge_with(judge_symbol_success),
    ),
    ThresholdCheck(
        REQUESTS,
        "concurrent_requests_are_quick",
        "Seconds from the first launch to the last end of requests running at the same time.",
        ["concurrent_requests_seconds"],
        "Raise max_concurrent_runs in dagster.yaml if processors are idle during that time; "
        "otherwise fewer analysts should launch requests at once.",
        _judge_with(judge_duration),
    ),
]
