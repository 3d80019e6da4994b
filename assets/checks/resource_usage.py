"""Checks of what a run costs: time, memory, and how both grow."""

from assets.asset_keys import BACKTESTS, SUMMARIES
from assets.checks.check_outcomes import (
    CheckOutcome,
    combine_worst,
    not_measured,
    require_below,
)
from assets.checks.threshold_checks import CheckInput, ThresholdCheck
from assets.checks.trend import plot_trend
from research.audit.findings import Scaling
from research.audit.stage_meter import LEAST_SAMPLES
from research.audit.stage_profile import BacktestsProfile, StageProfile


def judge_wall_time(given: CheckInput[BacktestsProfile]) -> CheckOutcome:
    """Judge how long the stage took."""
    outcome = require_below(
        "The run's backtests took",
        given.profile.wall_seconds,
        given.thresholds.wall_seconds,
        given.thresholds.wall_seconds_warning,
        "s",
        digits=1,
    )
    return outcome.with_metadata(**plot_trend(given.history))


def judge_memory_growth(given: CheckInput[BacktestsProfile]) -> CheckOutcome:
    """Judge what the stage left in memory, and what it needed at its peak."""
    profile, thresholds = given.profile, given.thresholds
    many = len(profile.succeeded_by_strategy) > 1
    limit = "memory_growth_many_mb" if many else "memory_growth_mb"
    growth = require_below(
        f"Memory grew from {profile.memory_start_mb:,.0f} MB by",
        profile.memory_growth_mb,
        getattr(thresholds, limit),
        getattr(thresholds, f"{limit}_warning"),
        "MB",
    )
    above = profile.memory_peak_mb - profile.memory_start_mb
    peak = require_below(
        "Memory peaked above its start by",
        above,
        thresholds.memory_peak_mb,
        thresholds.memory_peak_mb_warning,
        "MB",
    )
    trend = plot_trend(given.history)
    return combine_worst(growth, peak).with_metadata(peak_above_start_mb=above, **trend)


def judge_memory_slope(given: CheckInput[BacktestsProfile]) -> CheckOutcome:
    """Judge what each iteration leaves in memory."""
    slope, where, scaling = given.profile.memory_slope_mb, "", given.profile.scaling
    if slope is None and scaling is not None:
        slope, where = scaling.memory_slope_mb, ", while scaling was measured,"
    if slope is None:
        return not_measured(f"memory was sampled fewer than {LEAST_SAMPLES} times")
    return require_below(
        f"Memory grew per symbol{where} by",
        slope,
        given.thresholds.memory_slope_mb,
        given.thresholds.memory_slope_mb_warning,
        "MB",
        digits=2,
    )


def judge_scaling(given: CheckInput[BacktestsProfile]) -> CheckOutcome:
    """Judge how time grows with the number of bars."""
    scaling, thresholds = given.profile.scaling, given.thresholds
    if scaling is None:
        return not_measured("no symbol could be run over growing windows")
    ratio = require_below(
        "Time for 3 years, divided by that for 1 year, is",
        scaling.ratio,
        thresholds.scaling_ratio,
        thresholds.scaling_ratio_warning,
        digits=2,
    )
    exponent = require_below(
        "Time grows with the number of bars to the power of",
        scaling.exponent,
        thresholds.scaling_exponent,
        thresholds.scaling_exponent_warning,
        digits=2,
    )
    return combine_worst(ratio, exponent).with_metadata(**_describe_scaling(scaling))


def _describe_scaling(scaling: Scaling) -> dict[str, float | str]:
    milliseconds = {
        f"years_{years}_ms": round(1000 * seconds, 3)
        for years, seconds in zip(scaling.years, scaling.seconds, strict=True)
    }
    by_run = {"measured_by_run": scaling.measured_by} if scaling.measured_by else {}
    figures = {"ratio": scaling.ratio, "exponent": scaling.exponent, "symbols": scaling.symbols}
    return {**figures, **milliseconds, **by_run}


def judge_database_time(given: CheckInput[StageProfile]) -> CheckOutcome:
    """Judge how long the database took."""
    return require_below(
        "The database took",
        given.profile.database_seconds,
        given.thresholds.database_seconds,
        given.thresholds.database_seconds_warning,
        "s",
        digits=1,
    )


CHECKS = [
    ThresholdCheck(
        BACKTESTS,
        "wall_time_below_threshold",
        "Wall time of the run's backtests.",
        ["wall_seconds"],
        "Compare with previous runs in the plot. Time grows with the universe: raise the limit for "
        "one that has grown; for a strategy that has become slow, see its scaling.",
        judge_wall_time,
    ),
    ThresholdCheck(
        BACKTESTS,
        "memory_growth_below_threshold",
        "Resident memory at the end of the run's backtests minus that at the start, and its peak.",
        ["memory_growth_mb", "memory_growth_many_mb", "memory_peak_mb"],
        "Lower run_settings.batch_size; if growth does not follow it, something leaks.",
        judge_memory_growth,
    ),
    ThresholdCheck(
        BACKTESTS,
        "memory_slope_below_threshold",
        "Growth of resident memory per symbol, by least squares; in a run of few batches it is "
        "measured with scaling, which runs the same symbols repeatedly.",
        ["memory_slope_mb"],
        "Something is kept that should be released: look for what the newest strategy or change "
        "stores between symbols.",
        judge_memory_slope,
    ),
    ThresholdCheck(
        BACKTESTS,
        "scaling_below_threshold",
        "Processor time over 1, 2, 3 and 5 years of bars of up to five of the run's symbols; if "
        "all results came from cache, as the last run measured it that computed with the same code "
        "and settings.",
        ["scaling_ratio", "scaling_exponent"],
        "A strategy that loops over all earlier bars for each bar is quadratic: run the asset of "
        "each strategy alone to find it, and use the indicators of strategies/indicators.py.",
        judge_scaling,
    ),
    ThresholdCheck(
        SUMMARIES,
        "database_time_below_threshold",
        "Time that saving the rows and reading them back took.",
        ["database_seconds"],
        "Look for locks and a full disk in the database's log, and for what else uses it.",
        judge_database_time,
    ),
]
