"""The odds that a large overnight move is a split, and not a gap in the price.

A split leaves three traces that a gap on news does not: the move is close to a usual ratio, the
number of shares traded goes to that many times its level and stays there, and the day itself is no
busier than those after it. Each is a likelihood, here and under a gap, and Bayes' rule makes odds
of them (Jeffreys, Theory of Probability, chapter 5). Their scales are the symbol's own.

A night's move is x = ln(close before / open): 0.69 for a 2-for-1 split and for a fall by half.
"""

from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from operator import itemgetter

import numpy as np

LEAST_MOVE = float(np.log(1.3))
"""Nights that move a price by less are nights; splits smaller than 4-for-3 are rare."""

_USUAL = (Fraction(3, 2), *(Fraction(n) for n in (2, 3, 4, 5, 10, 20)))
_USUAL_SHARE = 0.6
# In a feed without splits there are three of them per gap of 30 % or more. A symbol whose nights
# are wider than usual has so many more gaps.
_SPLITS_PER_GAP, _USUAL_SCALE = 3.0, 0.005
# Overnight returns fall off with the third power (Gopikrishnan et al., 1998, Eur. Phys. J. B 3).
_TAIL = 3.0
# What rounding leaves of an exact ratio, for a symbol that never moves overnight.
_LEAST_SCALE = 0.002
# One night in ten has news: its own move is wider, as one of 3 % is with a usual scale of 0.3 %.
_NEWS_SHARE, _NEWS_SCALE = 0.1, 0.02

# Sessions on each side that give the volume's level: two months, or five if the symbol's volume is
# steadier over these.
_WINDOWS = (40, 100)
# What is busy on the day is half as busy in two more, and is compared with the months after the
# third week.
_BUSY_SESSIONS, _LATER, _LATEST = 3.0, 15, 100
# How much of a day's volume stays for the next: the filter takes what suits the symbol best.
_PERSISTENCE = (0.0, 0.5, 0.8, 0.9, 0.95)
# Standard deviations, as logarithms, of an ordinary share: of two months' volume against the two
# months before, and of a session against those later. They count as much as a year of the symbol's
# own sessions. A split itself may draw in some more volume.
_LEVEL_SPREAD, _DAY_SPREAD, _OWN_SESSIONS, _DRIFT = 0.2, 0.25, 120, 0.08
_NORMAL, _WIDE_SHARE = 1.4826, 0.03
# Half the gaps come with volume of up to thirty times the usual.
_BUSY_GAPS, _MOST_BUSY = 0.5, float(np.log(30.0))
# Splits on a day of news, and splits whose volume the feed did not scale.
_BUSY_SPLITS, _UNSCALED_SPLITS = 0.002, 0.005


@lru_cache(maxsize=1)
def candidates() -> tuple[tuple[Fraction, ...], np.ndarray, np.ndarray]:
    """Return what one share may become, its logarithm, and its share of all splits; (k,) each.

    The usual ratios and their inverses are most; the others are the rarer, the larger their
    numbers are.
    """
    whole = {Fraction(n) for n in (*range(2, 31), *range(35, 301, 5))}
    parts = {Fraction(n, m) for m in range(2, 6) for n in range(m + 1, 8)}
    larger = {one for one in whole | parts if one >= Fraction(4, 3)}
    # Of reverse splits there are hardly any but 1-for-n.
    ratios = tuple(sorted(larger | {1 / one for one in whole}))
    usual = np.array([max(one, 1 / one) in _USUAL for one in ratios])
    weight = np.array([(one.numerator * one.denominator) ** -2.0 for one in ratios])
    rare = (1.0 - _USUAL_SHARE) * weight / weight[~usual].sum()
    return (
        ratios,
        np.log(np.array(ratios, float)),
        np.where(usual, _USUAL_SHARE / usual.sum(), rare),
    )


@dataclass(frozen=True)
class SplitOdds:
    """What a symbol's history says of its nights.

    Parameters
    ----------
    scale
        Mean size of an ordinary overnight move, as a logarithm.
    volume
        Logarithm of the shares traded in each session, (n,), sessions without any filled in;
        empty if most are.
    """

    scale: float
    volume: np.ndarray

    @classmethod
    def from_history(cls, moves: np.ndarray, shares: np.ndarray) -> "SplitOdds":
        """Return it for the (n - 1,) moves between n sessions and their volume in shares."""
        scale = max(float(np.median(np.abs(moves))) / np.log(2.0), _LEAST_SCALE)
        traded = np.flatnonzero(shares > 0.0)
        if 2 * len(traded) < len(shares):
            return cls(scale, np.empty(0))
        return cls(scale, np.interp(np.arange(len(shares)), traded, np.log(shares[traded])))

    def judge(self, move: float, session: int) -> tuple[float, Fraction]:
        """Return the odds of a split against anything else, and its most likely ratio.

        `session` is the one that the night leads to. Volume that is missing says nothing: the odds
        are then those of exactness and prior.
        """
        ratios, logs, shares = candidates()
        scaled, unscaled = self._weigh_volume(session, logs)
        beyond = max(abs(move), LEAST_MOVE) / LEAST_MOVE
        gap = _TAIL / (2.0 * LEAST_MOVE) * beyond ** -(_TAIL + 1.0)
        gap *= max(self.scale / _USUAL_SCALE, 1.0)
        volume = (1.0 - _UNSCALED_SPLITS) * scaled + _UNSCALED_SPLITS * unscaled
        by_ratio = shares * self._density(move - logs) * volume
        odds = _SPLITS_PER_GAP * float(by_ratio.sum()) / (gap * unscaled)
        return odds, ratios[int(np.argmax(by_ratio))]

    def _density(self, rest: np.ndarray) -> np.ndarray:
        """Return the density of a night's own move: all that a split leaves of it."""
        wide = max(self.scale, _NEWS_SCALE)
        usual = _laplace(rest, self.scale)
        return (1.0 - _NEWS_SHARE) * usual + _NEWS_SHARE * _laplace(rest, wide)

    def _weigh_volume(self, session: int, logs: np.ndarray) -> tuple[np.ndarray, float]:
        """Return the density of the volume under splits with these ratios, (k,), and a gap."""
        if not len(self.volume):
            return np.ones(len(logs)), 1.0
        step, spread = self._measure_step(session)
        splits, quiet, busy = _normal(step - logs, spread), _normal(step, spread), _busy(step)
        if len(self.volume) > session + _LATER:
            excess, spread = self._measure_excess(session)
            usual, unusual = _normal(excess, spread), _busy(excess)
            splits = splits * ((1.0 - _BUSY_SPLITS) * usual + _BUSY_SPLITS * unusual)
            quiet, busy = quiet * usual, busy * unusual
        return splits, float((1.0 - _BUSY_GAPS) * quiet + _BUSY_GAPS * busy)

    def _measure_step(self, session: int) -> tuple[float, float]:
        """Return the change of the volume's level at a session, and its spread where none is."""
        best = 0.0, np.inf
        for window in _WINDOWS:
            before, after = min(session, window), min(len(self.volume) - session, window)
            fewer = max(_WINDOWS[0] / 2.0 * (1.0 / before + 1.0 / after), 1.0)
            for persistence in _PERSISTENCE:
                weights = _step_filter(before, after, persistence)
                steps = np.correlate(self.volume, weights, "valid")
                spread = _estimate_spread(steps, _LEVEL_SPREAD * np.sqrt(fewer), before + after)
                best = min(best, (float(steps[session - before]), spread), key=itemgetter(1))
        return best[0], float(np.hypot(best[1], _DRIFT))

    def _measure_excess(self, session: int) -> tuple[float, float]:
        """Return how much busier a night's sessions are than those later, and its spread."""
        after = min(len(self.volume) - session, _LATEST)
        against = np.full(after, -1.0 / (after - _LATER))
        first = np.exp(-np.arange(_LATER) / _BUSY_SESSIONS)
        against[:_LATER] = first / first.sum()
        excesses = np.correlate(self.volume, against, "valid")
        return float(excesses[session]), _estimate_spread(excesses, _DAY_SPREAD, after)


def _estimate_spread(changes: np.ndarray, usual: float, window: int) -> float:
    """Return the standard deviation of ordinary changes: splits and gaps among them are few."""
    own = _NORMAL * float(np.median(np.abs(changes)))
    weight = max(len(changes) - window, 0)
    mixed = (weight * own**2 + _OWN_SESSIONS * usual**2) / (weight + _OWN_SESSIONS)
    return float(np.sqrt(mixed))


@lru_cache(maxsize=256)
def _step_filter(before: int, after: int, persistence: float) -> np.ndarray:
    """Return the weights that estimate a step between two windows, (before + after,).

    Generalized least squares with autoregressive noise of order 1 (Prais & Winsten, 1954): the
    difference of the means without persistence, and nearly that of the two days with much.
    """
    count = before + after
    whiten = np.eye(count) - persistence * np.eye(count, k=-1)
    whiten[0, 0] = np.sqrt(1.0 - persistence**2)
    step = np.arange(count) >= before
    design = np.column_stack([np.ones(count), step])
    return (np.linalg.pinv(whiten @ design) @ whiten)[1]


def _laplace(rest: np.ndarray, scale: float) -> np.ndarray:
    return np.exp(-np.abs(rest) / scale) / (2.0 * scale)


def _normal(rest: np.ndarray | float, spread: float) -> np.ndarray:
    """Return the density of a normal variate whose spread may be twice what was estimated."""
    z = np.abs(rest) / spread
    usual, wide = np.exp(-0.5 * z**2), 0.5 * np.exp(-0.125 * z**2)
    return ((1.0 - _WIDE_SHARE) * usual + _WIDE_SHARE * wide) / (np.sqrt(2.0 * np.pi) * spread)


def _busy(excess: float) -> float:
    """Return the density of a busy day's volume: even up to the most, hardly any outside."""
    outside = max(excess - _MOST_BUSY, 0.0) + max(-excess, 0.0) / _LEVEL_SPREAD
    return float(np.exp(-outside)) / _MOST_BUSY
