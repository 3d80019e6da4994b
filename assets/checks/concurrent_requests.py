"""Gates on requests that run at the same time: that they succeed, and how long all of them take."""

from assets.checks.check_outcomes import Verdict, at_least, below, unmeasured
from assets.checks.threshold_checks import Gate, Measured
from research.audit.stage_profile import RequestProfile

_SEE_THE_RUNS = (
    "See the first error of the failed runs: symbols and windows without bars, or a database or "
    "provider that is overloaded."
)
_UNMEASURED = unmeasured("no request has come to an end")


def sessions_succeed(measured: Measured[RequestProfile]) -> Verdict:
    """Judge how many of the requests succeeded."""
    requests = measured.profile.concurrent_requests
    if requests is None:
        return _UNMEASURED
    good = requests.ended - len(requests.failed_runs)
    verdict = at_least(
        f"{good} of {requests.ended} sessions succeeded",
        requests.success_rate,
        measured.thresholds.sessions_rate,
        measured.thresholds.sessions_rate_warning,
    )
    failed = ", ".join(run_id[:8] for run_id in requests.failed_runs)
    shown = {"failed_runs": failed} if failed else {}
    return verdict.showing(sessions=requests.requests, **shown)


def symbols_inside_succeed(measured: Measured[RequestProfile]) -> Verdict:
    """Judge how much of what requests asked for they got, on average."""
    requests = measured.profile.concurrent_requests
    if requests is None:
        return _UNMEASURED
    return at_least(
        f"Inside {requests.ended} sessions, on average, symbols succeeded",
        requests.symbol_success_rate,
        measured.thresholds.sessions_inside_rate,
        measured.thresholds.sessions_inside_rate_warning,
    )


def sessions_are_quick(measured: Measured[RequestProfile]) -> Verdict:
    """Judge how long the requests took, from the first launch to the last end."""
    requests = measured.profile.concurrent_requests
    if requests is None:
        return _UNMEASURED
    return below(
        f"{requests.requests} sessions took",
        requests.wall_seconds,
        measured.thresholds.sessions_seconds,
        measured.thresholds.sessions_seconds_warning,
        "s",
        digits=1,
    )


SESSIONS = [
    Gate(
        "sessions_succeed",
        "Share that succeeded of the requests that ran at the same time.",
        ["sessions_rate"],
        _SEE_THE_RUNS,
        sessions_succeed,
    ),
    Gate(
        "symbols_inside_succeed",
        "Share of their symbols that succeeded, on average, in requests that ran at the same time.",
        ["sessions_inside_rate"],
        _SEE_THE_RUNS,
        symbols_inside_succeed,
    ),
    Gate(
        "sessions_are_quick",
        "Seconds from the first launch to the last end of requests that ran at the same time.",
        ["sessions_seconds"],
        "Raise max_concurrent_runs in dagster.yaml if processors are idle meanwhile, and otherwise "
        "let fewer analysts ask at once.",
        sessions_are_quick,
    ),
]
