"""Gates on what a run costs: time, memory, and how both grow."""

from assets.checks.check_outcomes import Verdict, below, unmeasured, worse
from assets.checks.threshold_checks import Gate, Measured
from assets.checks.trend import trend
from research.audit.stage_meter import LEAST_SAMPLES
from research.audit.stage_profile import BacktestsProfile, StageProfile


def wall_time(measured: Measured[BacktestsProfile]) -> Verdict:
    """Judge how long the stage took."""
    verdict = below(
        "The run's backtests took",
        measured.profile.wall_seconds,
        measured.thresholds.wall_seconds,
        measured.thresholds.wall_seconds_warning,
        "s",
        digits=1,
    )
    return verdict.showing(**trend(measured.history))


def memory_growth(measured: Measured[BacktestsProfile]) -> Verdict:
    """Judge what the stage has left in memory, and what it needed for a moment."""
    profile, thresholds = measured.profile, measured.thresholds
    many = len(profile.succeeded_by_strategy) > 1
    limit = "memory_growth_many_mb" if many else "memory_growth_mb"
    growth = below(
        f"From {profile.memory_start_mb:,.0f} MB memory grew by",
        profile.memory_growth_mb,
        getattr(thresholds, limit),
        getattr(thresholds, f"{limit}_warning"),
        "MB",
    )
    above = profile.memory_peak_mb - profile.memory_start_mb
    peak = below(
        "At its peak it was higher by",
        above,
        thresholds.memory_peak_mb,
        thresholds.memory_peak_mb_warning,
        "MB",
    )
    return worse(growth, peak).showing(peak_above_start_mb=above, **trend(measured.history))


def memory_slope(measured: Measured[BacktestsProfile]) -> Verdict:
    """Judge what each iteration leaves in memory."""
    of_run, probe = measured.profile.memory_slope_mb, measured.profile.scaling
    of_probe = probe.memory_slope_mb if probe else None
    slope = of_probe if of_run is None else of_run
    if slope is None:
        return unmeasured(f"memory was looked at fewer than {LEAST_SAMPLES} times")
    return below(
        f"With each symbol {'of the probe ' if of_run is None else ''}memory grew by",
        slope,
        measured.thresholds.memory_slope_mb,
        measured.thresholds.memory_slope_mb_warning,
        "MB",
        digits=2,
    )


def scaling(measured: Measured[BacktestsProfile]) -> Verdict:
    """Judge how time grows with the number of bars."""
    probe, thresholds = measured.profile.scaling, measured.thresholds
    if probe is None:
        return unmeasured("no symbol could be run over growing windows")
    ratio = below(
        "Three years took, times one,",
        probe.ratio,
        thresholds.scaling_ratio,
        thresholds.scaling_ratio_warning,
        digits=2,
    )
    exponent = below(
        "Time grows with the bars to the power of",
        probe.exponent,
        thresholds.scaling_exponent,
        thresholds.scaling_exponent_warning,
        digits=2,
    )
    milliseconds = {
        f"years_{years}_ms": round(1000 * seconds, 3)
        for years, seconds in zip(probe.years, probe.seconds, strict=True)
    }
    verdict = worse(ratio, exponent)
    by_run = {"measured_by_run": probe.measured_by} if probe.measured_by else {}
    return verdict.showing(
        ratio=probe.ratio,
        exponent=probe.exponent,
        symbols=probe.symbols,
        **milliseconds,
        **by_run,
    )


def database_time(measured: Measured[StageProfile]) -> Verdict:
    """Judge how long the database took."""
    return below(
        "The database took",
        measured.profile.database_seconds,
        measured.thresholds.database_seconds,
        measured.thresholds.database_seconds_warning,
        "s",
        digits=1,
    )


WALL_TIME = Gate(
    "wall_time_below_threshold",
    "Wall time of the run's backtests.",
    ["wall_seconds"],
    "Compare with the runs before, in the plot. For a universe that has grown, set "
    "run_settings.workers; for a strategy that has become slow, see its scaling.",
    wall_time,
)
MEMORY_GROWTH = Gate(
    "memory_growth_below_threshold",
    "Resident memory at the end of the run's backtests less that at their start, and its peak.",
    ["memory_growth_mb", "memory_growth_many_mb", "memory_peak_mb"],
    "Lower run_settings.batch_size; if growth does not follow it, something leaks.",
    memory_growth,
)
MEMORY_SLOPE = Gate(
    "memory_slope_below_threshold",
    "Growth of resident memory from one symbol to the next, by least squares; in a run of few "
    "batches that of the scaling's probe, which goes over the same symbols again and again.",
    ["memory_slope_mb"],
    "Something keeps what it should let go of: look for what the newest strategy or change "
    "remembers between symbols.",
    memory_slope,
)
SCALING = Gate(
    "scaling_below_threshold",
    "Processor time over 1, 2, 3 and 5 years of bars of up to five of the run's symbols; where all "
    "results were known already, what a run measured that computed with the same code and terms.",
    ["scaling_ratio", "scaling_exponent"],
    "A strategy that looks at all bars again for each bar is quadratic: run its asset alone to "
    "see which one it is, and let it use the indicators of strategies/indicators.py.",
    scaling,
)
DATABASE_TIME = Gate(
    "database_time_below_threshold",
    "Time that saving the rows and reading them back took.",
    ["database_seconds"],
    "Look for locks and for a full disk in the database's log, and at who else uses it.",
    database_time,
)
