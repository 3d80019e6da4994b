"""Whether the result of strategies hangs on the day on which they were begun."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from engine.history import History
from engine.settings import BacktestSettings, Window
from research.robustness.performance import Performance
from research.robustness.simulation import SimulatedUniverse, simulate_universe
from strategies.base import Strategy

SHIFTS = (5, 21, 63)
"""Days by which a start is later."""


@dataclass(frozen=True)
class ShiftedStart:
    """A strategy that begins later.

    Parameters
    ----------
    start
        Its first day.
    performance
        From then on.
    unshifted
        Of the strategy that had begun with the window, on the same days.
    """

    start: date
    performance: Performance
    unshifted: Performance


def simulate_shifted_starts(
    histories: Sequence[History],
    strategies: Sequence[Strategy],
    settings: BacktestSettings,
    window: Window,
    own: SimulatedUniverse,
    bars_per_year: float,
    shifts: Sequence[int] = SHIFTS,
) -> list[list[ShiftedStart]]:
    """Return per strategy what it did when it began some days later; shifts past the end are none.

    A symbol whose bars end before such a start is not in its simulation, and is no failure.

    Parameters
    ----------
    own
        The strategies in the whole window.
    shifts
        In days of the universe.
    """
    found: list[list[ShiftedStart]] = [[] for _ in strategies]
    for shift in (one for one in shifts if 0 < one < len(own.dates) - 1):
        start: date = own.dates[shift].astype(date)
        later = simulate_universe(histories, strategies, settings, Window(start, window.end))
        for some, new, old in zip(found, later.residuals, own.residuals, strict=True):
            some.append(
                ShiftedStart(
                    start,
                    Performance.of(new, bars_per_year),
                    Performance.of(old[-len(new) :], bars_per_year),
                )
            )
    return found
