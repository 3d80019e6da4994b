"""How a run's strategies scale: time over 1, 2, 3 and 5 years, measured on its own bars."""

import hashlib
import time
from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

from engine.backtest import VectorBTEngine
from engine.history import History
from engine.settings import BacktestSettings, Window
from research.audit.findings import Scaling
from research.audit.stage_meter import fit_slope, measure_resident_mb
from research.natural_key import canonical_json
from strategies.base import Bars, Strategy
from strategies.fit_cache import no_fit_cache

YEARS = (1, 2, 3, 5)
MOST_SYMBOLS = 5
BARS_PER_YEAR = 252

# Of three rounds, one may be disturbed without being the median; four windows per round make the
# twelve samples that the slope of memory is fitted to. More rounds while they are cheap.
_LEAST_ROUNDS, _MOST_ROUNDS = 3, 7
_SECONDS_FOR_MORE = 2.0

_SOURCE = Path(__file__).read_bytes()
_FIRST_DAY = np.datetime64("2000-01-03")
_WINDOW = Window(date(2000, 1, 1), date(2099, 12, 31))


def scaling_key(strategies: Iterable[tuple[Strategy, str]], settings: Mapping[str, Any]) -> str:
    """Return a fingerprint of all that scaling depends on but the bars and the machine.

    Parameters
    ----------
    strategies
        Each with the version of its code.
    settings
        The run's, as they are stored with its results.
    """
    each = [[one.name, one.parameters(), version] for one, version in strategies]
    text = canonical_json([each, dict(settings)]).encode()
    return hashlib.sha256(_SOURCE + text).hexdigest()[:32]


def measure_scaling(
    histories: Sequence[History], strategies: Sequence[Strategy], settings: BacktestSettings
) -> Scaling:
    """Run the strategies over growing windows, round by round, and return how time grows.

    Rounds are interleaved, so that load on the machine affects all windows of a round; and only
    the processor time of this thread counts, so that other processes have no part in it.

    Parameters
    ----------
    histories
        At least one; of more than `MOST_SYMBOLS`, the first. One with fewer bars than five years
        is repeated: how long bars take does not depend on their values.
    """
    engine = VectorBTEngine(settings)
    chosen = histories[:MOST_SYMBOLS]
    windows = [[_repeat(history, years * BARS_PER_YEAR) for history in chosen] for years in YEARS]
    _time_batch(engine, windows[-1], strategies)  # warmed up by the longest
    rounds: list[list[float]] = []
    resident: list[float] = []
    begun = time.monotonic()
    while len(rounds) < _LEAST_ROUNDS or (
        len(rounds) < _MOST_ROUNDS and time.monotonic() - begun < _SECONDS_FOR_MORE
    ):
        rounds.append([])
        for window in windows:
            rounds[-1].append(_time_batch(engine, window, strategies))
            resident.append(measure_resident_mb())
    return _fit(rounds, resident, len(chosen))


def _fit(rounds: Sequence[Sequence[float]], resident: Sequence[float], symbols: int) -> Scaling:
    seconds = [median(times) for times in zip(*rounds, strict=True)]
    one, three = YEARS.index(1), YEARS.index(3)
    ratio = median(times[three] / times[one] for times in rounds)
    exponent = float(np.polyfit(np.log(YEARS), np.log(seconds), 1)[0])
    slope = fit_slope([symbols * (number + 1) for number in range(len(resident))], resident)
    return Scaling(
        years=YEARS,
        seconds=tuple(round(one, 6) for one in seconds),
        ratio=round(ratio, 3),
        exponent=round(exponent, 3),
        symbols=symbols,
        rounds=len(rounds),
        memory_slope_mb=None if slope is None else round(slope, 3),
    )


def _time_batch(
    engine: VectorBTEngine, histories: Sequence[History], strategies: Sequence[Strategy]
) -> float:
    begun = time.thread_time()
    with no_fit_cache():
        for result in engine.run_batch(histories, strategies, _WINDOW).results:
            _ = result.metrics
    return max(time.thread_time() - begun, 1e-9)


def _repeat(history: History, bars: int) -> History:
    """Return so many bars of a history, repeated from the first where there are too few."""
    fields = (getattr(history.bars, name) for name in Bars.__dataclass_fields__)
    dates = np.busday_offset(_FIRST_DAY, np.arange(bars))
    repeated = Bars(*(np.resize(values, bars) for values in fields))
    spread = None if history.half_spread is None else np.resize(history.half_spread, bars)
    return History(history.symbol, dates, repeated, half_spread=spread)
