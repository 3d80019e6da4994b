"""Gates on requests that run at the same time: that they succeed, and how long all of them take."""

from assets.checks.check_outcomes import Verdict, at_least, below
from assets.checks.threshold_checks import Gate, Measured

_SEE_THE_RUNS = (
    "See the first error of the failed runs: symbols and windows without bars, or a database or "
    "provider that is overloaded."
)


def sessions_succeed(measured: Measured) -> Verdict:
    """Judge how many of the sessions succeeded."""
    together = measured.profile["together"]
    good = together["ended"] - len(together["failed"])
    verdict = at_least(
        f"{good} of {together['ended']} sessions succeeded",
        together["succeeded"],
        measured.thresholds.sessions_rate,
        measured.thresholds.sessions_rate_warning,
    )
    failed = ", ".join(run_id[:8] for run_id in together["failed"])
    shown = {"failed_runs": failed} if failed else {}
    return verdict.showing(sessions=together["sessions"], **shown)


def symbols_inside_succeed(measured: Measured) -> Verdict:
    """Judge how much of what sessions asked for they got, on average."""
    together = measured.profile["together"]
    return at_least(
        f"Inside {together['ended']} sessions, on average, symbols succeeded",
        together["inside"],
        measured.thresholds.sessions_inside_rate,
        measured.thresholds.sessions_inside_rate_warning,
    )


def sessions_are_quick(measured: Measured) -> Verdict:
    """Judge how long the sessions took, from the first launch to the last end."""
    together = measured.profile["together"]
    return below(
        f"{together['sessions']} sessions took",
        together["wall_seconds"],
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
