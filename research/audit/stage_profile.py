"""What each stage of a run records of itself: one typed record per stage.

Stored as JSON in `backtest_runs.profile` under the stage's name, and judged by its checks. A
profile of another version of this project may differ: its unknown fields are ignored, and if it
lacks a field, it counts as not measured. Light to import: the checks need the
records when definitions load, and not the engine.
"""

from collections.abc import Mapping
from typing import Any, Self

from pydantic import ValidationError

from research.audit.findings import IntegrityFindings, Record, Scaling


class StageProfile(Record):
    """What every stage records; what it cost is read from its `StageMeter`.

    Parameters
    ----------
    requested, succeeded
        Numbers of symbols.
    wall_seconds, cpu_seconds, database_seconds
        Of the stage; processor time is that of this process, and the database's is the wait for it.
    memory_start_mb, memory_peak_mb, memory_growth_mb
        Resident memory: at the start, at its peak, and at the end minus that at the start.
    memory_slope_mb
        What each symbol left behind; None where there are too few samples.
    memory_samples
        How often memory was sampled.
    """

    requested: int
    succeeded: int
    wall_seconds: float
    cpu_seconds: float
    database_seconds: float
    memory_start_mb: float
    memory_peak_mb: float
    memory_growth_mb: float
    memory_slope_mb: float | None
    memory_samples: int

    @classmethod
    def from_stored(cls, stored: object) -> Self | None:
        """Return a stored profile; None if there is none, or it lacks a field."""
        try:
            return cls.model_validate(stored)
        except ValidationError:
            return None

    def to_json(self) -> dict[str, Any]:
        """Return the profile as it is stored."""
        return self.model_dump(mode="json")


class PriceQuality(Record):
    """How many symbols were inspected; what is suspicious, by rule and then symbol."""

    symbols: int
    offenders: Mapping[str, Mapping[str, str]]


class PricesProfile(StageProfile):
    """Of prices: requests made to the source, and what incremental fetching saved of them.

    Parameters
    ----------
    source_bars_saved
        Stored bars of the window that were not fetched again.
    source_refetches
        Symbols that were fetched whole because they were revised.
    """

    source_requests: int
    source_bars_saved: int
    source_refetches: int
    quality: PriceQuality


class CachedResults(Record):
    """How many results were stored before, and how many had to be computed, by strategy.

    Parameters
    ----------
    damaged
        Stored results that were not as they were written; computed again.
    ignored
        Whether the run was told not to use any.
    """

    hits_by_strategy: Mapping[str, int]
    misses_by_strategy: Mapping[str, int]
    damaged: int = 0
    ignored: bool = False

    @property
    def hits(self) -> int:
        """Of all strategies."""
        return sum(self.hits_by_strategy.values())

    @property
    def misses(self) -> int:
        """Of all strategies."""
        return sum(self.misses_by_strategy.values())


class BacktestsProfile(StageProfile):
    """Of backtests; a symbol succeeded when all strategies of the run did.

    Parameters
    ----------
    indicator_hits, indicator_misses
        How often an indicator of a symbol was available, and how often it was computed.
    universe_benchmark
        Of how many symbols the equal-weight universe is made, or why there is none; None where
        there was nothing to test.
    cached_results
        None where there was nothing to test.
    scaling
        None where no symbol could be run over growing windows.
    scaling_key
        Equal if and only if scaling would be measured of the same code, parameters and settings.
    """

    succeeded_by_strategy: Mapping[str, int]
    indicator_hits: int
    indicator_misses: int
    universe_benchmark: str | None
    universe_symbols: int | None
    universe_version: str | None
    cached_results: CachedResults | None
    scaling: Scaling | None
    scaling_key: str | None = None
    integrity: IntegrityFindings


class SummariesProfile(StageProfile):
    """Of summaries: rows produced upstream, found in the store, and there equal to the produced."""

    produced_rows: int
    saved_rows: int
    retrieved_rows: int


class LeaderboardProfile(StageProfile):
    """Of the leaderboard; a symbol succeeded when it has a current result of every strategy.

    Parameters
    ----------
    results, stale_results
        How many results are in it by strategy, and how many of them another version of the
        strategy's code has made.
    verdicts
        By strategy; those that were not judged are missing.
    """

    results: Mapping[str, int]
    stale_results: Mapping[str, int]
    verdicts: Mapping[str, str] = {}


class ForwardProfile(StageProfile):
    """Of the forward record; requested and succeeded are the symbols that are recorded.

    Parameters
    ----------
    decay
        By strategy, of its record that goes on: share of the threshold at which decay alarms.
    alarm_age
        Of those that have alarmed, days from the last alarm to the last day recorded.
    """

    decay: Mapping[str, float]
    alarm_age: Mapping[str, int]


class PortfolioFindings(Record):
    """What the checks of a portfolio judge.

    Parameters
    ----------
    unbalanced
        Where and by how much its account does not add up; None for one that does.
    breaches
        What is said of each limit that did not hold.
    turnover
        Value of its fills per year and mean equity, both sides.
    largest_volume_share
        Of a day's volume, by a fill; None without volumes.
    """

    unbalanced: str | None = None
    breaches: Mapping[str, str] = {}
    turnover: float | None = None
    largest_volume_share: float | None = None


class PortfoliosProfile(StageProfile):
    """Of portfolios, by name; a symbol succeeded when there were bars to trade."""

    portfolios: Mapping[str, PortfolioFindings]


class ConcurrentRequests(Record):
    """Requests that overlap with each other in time, directly or by others.

    Parameters
    ----------
    requests, ended
        How many there are, and how many of them have ended.
    success_rate
        Share of the ended ones that succeeded.
    symbol_success_rate
        Mean share of symbols that succeeded in the ended ones.
    wall_seconds
        From the first launch to the last end.
    failed_runs
        The runs that did not succeed.
    """

    requests: int
    ended: int
    success_rate: float
    symbol_success_rate: float
    wall_seconds: float
    failed_runs: tuple[str, ...]


class RequestProfile(BacktestsProfile):
    """Of an analyst's request: what it fetched, and the requests that it ran beside."""

    source_requests: int
    concurrent_requests: ConcurrentRequests | None = None
