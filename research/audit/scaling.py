"""How a run's own strategies scale: time over 1, 2, 3 and 5 years, measured on its own bars."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from statistics import median
from typing import Any

import numpy as np

from engine.backtest import VectorBTEngine
from engine.history import History
from engine.settings import BacktestSettings, Window
from strategies.base import Bars, Strategy

YEARS = (1, 2, 3, 5)
MOST_SYMBOLS = 5
BARS_A_YEAR = 252

# Of three rounds one may be disturbed without being the median; four windows a round make the
# dozen iterations that a slope of memory is fitted to. More rounds while they cost little.
_LEAST_ROUNDS, _MOST_ROUNDS = 3, 7
_SECONDS_FOR_MORE = 2.0

_FIRST_DAY = np.datetime64("2000-01-03")
_WINDOW = Window(date(2000, 1, 1), date(2099, 12, 31))


@dataclass(frozen=True)
class Scaling:
    """What a probe has measured.

    Parameters
    ----------
    seconds
        Processor time for each of `YEARS`, medians of the rounds.
    ratio
        Time for three years over time for one, median of the ratios within each round.
    exponent
        Of the power of the number of bars that fits the times best, by least squares of the
        logarithms; 1 is proportional.
    symbols, rounds
        How many symbols were run, how many times.
    """

    seconds: tuple[float, ...]
    ratio: float
    exponent: float
    symbols: int
    rounds: int

    def summary(self) -> dict[str, Any]:
        """Return the probe as a JSON object."""
        return {
            "years": list(YEARS),
            "seconds": [round(seconds, 6) for seconds in self.seconds],
            "ratio": round(self.ratio, 3),
            "exponent": round(self.exponent, 3),
            "symbols": self.symbols,
            "rounds": self.rounds,
        }


def probe(
    histories: Sequence[History],
    strategies: Sequence[Strategy],
    settings: BacktestSettings,
    after_each: Callable[[int], None],
) -> Scaling:
    """Run the strategies over growing windows, round by round, and return how time grows.

    A machine that is busy for a while is busy for all windows of a round; and what is counted is
    the processor time of this thread, in which others have no part.

    Parameters
    ----------
    histories
        At least one; of more than `MOST_SYMBOLS`, the first. Where one has fewer bars than five
        years, its bars are repeated: how long they take does not depend on what they say.
    after_each
        Called after every single run with its number of symbols, to sample memory by.
    """
    engine = VectorBTEngine(settings)
    chosen = histories[:MOST_SYMBOLS]
    windows = [[_repeated(history, years * BARS_A_YEAR) for history in chosen] for years in YEARS]
    for window in windows:
        engine.run_batch(window, strategies, _WINDOW)
    rounds: list[list[float]] = []
    begun = time.monotonic()
    while len(rounds) < _LEAST_ROUNDS or (
        len(rounds) < _MOST_ROUNDS and time.monotonic() - begun < _SECONDS_FOR_MORE
    ):
        rounds.append([_seconds(engine, window, strategies, after_each) for window in windows])
    seconds = tuple(median(times) for times in zip(*rounds, strict=True))
    one, three = YEARS.index(1), YEARS.index(3)
    return Scaling(
        seconds=seconds,
        ratio=median(times[three] / times[one] for times in rounds),
        exponent=float(np.polyfit(np.log(YEARS), np.log(seconds), 1)[0]),
        symbols=len(chosen),
        rounds=len(rounds),
    )


def _seconds(
    engine: VectorBTEngine,
    histories: Sequence[History],
    strategies: Sequence[Strategy],
    after_each: Callable[[int], None],
) -> float:
    begun = time.thread_time()
    for result in engine.run_batch(histories, strategies, _WINDOW).results:
        _ = result.metrics
    seconds = time.thread_time() - begun
    after_each(len(histories))
    return max(seconds, 1e-9)


def _repeated(history: History, bars: int) -> History:
    """Return so many bars of a history, over again from the first where there are too few."""
    fields = (getattr(history.bars, name) for name in Bars.__dataclass_fields__)
    dates = np.busday_offset(_FIRST_DAY, np.arange(bars))
    return History(history.symbol, dates, Bars(*(np.resize(values, bars) for values in fields)))
