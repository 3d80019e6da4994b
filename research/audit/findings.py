"""What an audit finds, as records that are stored with a stage's profile.

Light to import: the checks need them when definitions load, and not the engine.
"""

from collections.abc import Mapping

from pydantic import BaseModel, ConfigDict


class Record(BaseModel):
    """A frozen record that ignores fields it does not know, of another version of the project."""

    model_config = ConfigDict(frozen=True, extra="ignore")


class Scaling(Record):
    """How the strategies of a run scale with the number of bars.

    Parameters
    ----------
    years, seconds
        Processor time for so many years of bars, medians of the rounds.
    ratio
        Time for three years over time for one, median of the ratios within each round.
    exponent
        Of the power of the number of bars that fits the times best, by least squares of the
        logarithms; 1 is proportional.
    symbols, rounds
        How many symbols were run, how many times.
    memory_slope_mb
        What each symbol of each iteration left in memory.
    measured_by
        The run that measured it, where it was an earlier one.
    """

    years: tuple[int, ...]
    seconds: tuple[float, ...]
    ratio: float
    exponent: float
    symbols: int
    rounds: int
    memory_slope_mb: float | None = None
    measured_by: str | None = None


class RuleFindings(Record):
    """How many symbols of a strategy were looked at by a rule; what is wrong, by symbol."""

    symbols: int
    offenders: Mapping[str, str]


class IntegrityFindings(Record):
    """What breaks a rule of `research.audit.integrity`, by strategy."""

    look_ahead: Mapping[str, RuleFindings]
    dropped_signals: Mapping[str, RuleFindings]
    imbalance: Mapping[str, RuleFindings]
