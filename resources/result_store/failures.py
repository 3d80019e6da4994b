"""A failure as a value: what a stage of a run reports for one symbol."""

from dataclasses import dataclass
from datetime import date


@dataclass(frozen=True)
class SymbolFailure:
    """One symbol failed at one stage.

    Parameters
    ----------
    stage
        Name of the asset whose partition is missing, say ``prices``.
    symbol
        The partition.
    error_class, message
        What went wrong, as the log tells it.
    source, start_date, end_date
        What was attempted; a later failure of the same puts older results off the leaderboard.
    strategy
        The strategy that failed; None when all of them are concerned.
    transient
        Whether trying again may help.
    """

    stage: str
    symbol: str
    error_class: str
    message: str
    source: str
    start_date: date
    end_date: date
    strategy: str | None = None
    transient: bool = False
