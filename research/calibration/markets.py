"""Simulated universes whose truth is known: without any edge, or with a planted one.

The return of a day is that of a common factor and of each symbol. Without an edge no strategy can
earn anything before costs, beyond the market's drift; a planted edge is alike for all symbols.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from engine.history import History
from engine.settings import Window
from strategies.base import Bars, Floats
from strategies.portable import exp

WARM_UP, BARS = 252, 756
"""Bars before the window, and in it: a year and three years."""

Edge = Literal["none", "trend", "market_trend", "reversion"]
"""What can be earned, see `SimulatedMarket`."""

_VOLATILITY = 0.02
_HALF_LIFE = 5
_MEAN_STAY = 60
_FIRST_DAY = np.datetime64("2015-01-02", "D")


@dataclass(frozen=True)
class SimulatedMarket:
    """How the prices of a simulated universe move.

    Parameters
    ----------
    edge
        ``none``; ``trend``: each symbol drifts up or down by `size` daily standard deviations, and
        turns every 60 bars on average; ``market_trend``: all do so together; ``reversion``: a
        share `size` of the daily variance is that of an AR(1) in the logarithm of the price with a
        half-life of 5 bars.
    size
        Of the edge.
    correlation
        Of the daily returns of two symbols.
    drift
        Expected return of every symbol per year.
    tails
        ``normal``, or ``garch``: GARCH(1, 1) volatility with Student-t shocks of five degrees of
        freedom, common to all symbols.
    symbols
        How many.
    """

    edge: Edge = "none"
    size: float = 0.0
    correlation: float = 0.3
    drift: float = 0.0
    tails: Literal["normal", "garch"] = "normal"
    symbols: int = 20

    def draw(self, seed: int) -> list[History]:
        """Return the histories of one universe; the same seed gives the same bits."""
        rng = np.random.default_rng(seed)
        count, length = self.symbols, WARM_UP + BARS
        close = 100.0 * exp(np.cumsum(self._draw_returns(rng, count, length), axis=1))
        before = np.concatenate([np.full((count, 1), 100.0), close[:, :-1]], axis=1)
        # The open is near the last close, so that a fill there keeps the whole move of its day.
        gap = 0.1 * _VOLATILITY
        open_ = before * exp(gap * rng.standard_normal((count, length)) - gap**2 / 2)
        high, low = np.maximum(open_, close) * 1.004, np.minimum(open_, close) * 0.996
        volume = rng.lognormal(13.0, 0.6, (count, length)).round()
        days = find_days(length)
        return [
            History(f"S{number:03}", days, Bars(*(price[number] for price in prices)))
            for number in range(count)
            for prices in [(open_, high, low, close, volume)]
        ]

    def _draw_returns(self, rng: np.random.Generator, count: int, length: int) -> Floats:
        """Return daily log returns, shape (count, length)."""
        noise = self._draw_noise(rng, count, length)
        mean = self.drift / 252 - _VOLATILITY**2 / 2
        if self.edge in ("trend", "market_trend"):
            drifts = count if self.edge == "trend" else 1
            turns = rng.random((drifts, length)) < 1 / _MEAN_STAY
            state = np.where(np.cumsum(turns, axis=1) % 2 == 0, 1.0, -1.0)
            state *= rng.choice([-1.0, 1.0], (drifts, 1))
            noise = np.sqrt(1.0 - self.size**2) * noise + self.size * state
        elif self.edge == "reversion":
            moves = _draw_reversion(rng, count, length)
            noise = np.sqrt(1.0 - self.size) * noise + np.sqrt(self.size) * moves
        return mean + _VOLATILITY * noise

    def _draw_noise(self, rng: np.random.Generator, count: int, length: int) -> Floats:
        """Return innovations of variance 1 with the market's correlation, shape (count, length)."""
        if self.tails == "garch":
            scale = np.sqrt(3.0 / 5.0)  # of Student's t with five degrees of freedom
            common = scale * rng.standard_t(5, length)
            volatility = np.empty(length)
            variance = 1.0
            for bar in range(length):
                volatility[bar] = np.sqrt(variance)
                variance = 0.05 + 0.10 * variance * min(common[bar] ** 2, 25.0) + 0.85 * variance
            own = volatility * scale * rng.standard_t(5, (count, length))
            common = volatility * common
        else:
            common, own = rng.standard_normal(length), rng.standard_normal((count, length))
        return np.sqrt(self.correlation) * common + np.sqrt(1.0 - self.correlation) * own


def _draw_reversion(rng: np.random.Generator, count: int, length: int) -> Floats:
    """Return the daily changes, of variance 1, of an AR(1) with `_HALF_LIFE`."""
    phi = 0.5 ** (1.0 / _HALF_LIFE)
    level = rng.standard_normal(count)
    shocks = np.sqrt(1.0 - phi**2) * rng.standard_normal((length, count))
    moves = np.empty((count, length))
    for bar in range(length):
        following = phi * level + shocks[bar]
        moves[:, bar] = following - level
        level = following
    return moves / np.sqrt(2.0 * (1.0 - phi))


def find_days(length: int) -> "np.ndarray":
    """Return consecutive weekdays, ``datetime64[D]``, shape (length,)."""
    return np.busday_offset(_FIRST_DAY, np.arange(length), roll="forward").astype("datetime64[D]")


def find_window() -> Window:
    """Return the window of a simulated universe: its last `BARS` bars."""
    days = find_days(WARM_UP + BARS)
    return Window(days[WARM_UP].item(), days[-1].item())
