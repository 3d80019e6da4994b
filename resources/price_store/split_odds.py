"""The odds that a large overnight move is a split, and not a gap in the price.

A split leaves three traces that a gap on news does not: the move is close to a usual ratio, the
number of shares traded goes to that many times its level and stays there, and the day itself is no
busier than those after it. Each is a likelihood, here and under a gap, and Bayes' rule makes odds
of them (Jeffreys, Theory of Probability, chapter 5). All densities are Laplace's, which has the fat
tails of returns and of changes in volume, and their scales are the symbol's own.

A night's move is x = ln(close before / open): 0.69 for a 2-for-1 split and for a fall by half.
"""

from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache

import numpy as np

LEAST_MOVE = float(np.log(1.3))
"""Nights that move a price by less are nights; splits smaller than 4-for-3 are rare."""

_USUAL = (Fraction(3, 2), *(Fraction(n) for n in (2, 3, 4, 5, 10, 20)))
_USUAL_SHARE = 0.7
# Of all nights: a gap of 30 % or more once in ten years, and an unadjusted split as often.
_GAP_RATE = 1 / 2500
# Overnight returns fall off with the third power (Gopikrishnan et al., 1998, Eur. Phys. J. B 3).
_TAIL = 3.0
# What rounding leaves of an exact ratio, for a symbol that never moves overnight.
_LEAST_SCALE = 0.002
# One night in ten has news: its own move is wider, as one of 3 % is with a usual scale of 0.3 %.
_NEWS_SHARE, _NEWS_SCALE = 0.1, 0.02

# Two months before and after. What is busy on the day is half as busy in a session or two, and is
# compared with the sessions from the sixth on.
_WINDOW, _LATER, _BUSY_SESSIONS = 40, 5, 2.0
# How much of a day's volume stays for the next: the filter takes what suits the symbol best.
_PERSISTENCE = (0.0, 0.5, 0.8, 0.9, 0.95)
# Mean change of the volume's level where nothing happens, as a logarithm: of an ordinary share,
# which counts as much as 240 sessions of the symbol's own, and the least that is believed.
_LEVEL_SCALE, _LEVEL_SESSIONS, _LEAST_LEVEL_SCALE = 0.15, 240, 0.05
# Half the gaps come with volume of up to thirty times the usual.
_BUSY_GAPS, _MOST_BUSY = 0.5, float(np.log(30.0))
# Splits on a day of news, and splits whose volume the feed did not scale.
_BUSY_SPLITS, _UNSCALED_SPLITS = 0.01, 0.02


@lru_cache(maxsize=1)
def candidates() -> tuple[tuple[Fraction, ...], np.ndarray, np.ndarray]:
    """Return what one share may become, its logarithm, and its share of all splits; (k,) each.

    The usual ratios and their inverses are most; the others are the rarer, the larger their
    numbers are.
    """
    whole = {Fraction(n) for n in (*range(2, 31), *range(35, 301, 5))}
    parts = {Fraction(n, m) for m in range(2, 6) for n in range(m + 1, 9)}
    larger = {one for one in whole | parts if one >= Fraction(4, 3)}
    # Of reverse splits there are hardly any but 1-for-n.
    ratios = tuple(sorted(larger | {1 / one for one in whole}))
    usual = np.array([max(one, 1 / one) in _USUAL for one in ratios])
    weight = np.array([1.0 / (one.numerator * one.denominator) for one in ratios])
    rare = (1.0 - _USUAL_SHARE) * weight / weight[~usual].sum()
    return ratios, np.log(np.array(ratios, float)), np.where(
        usual, _USUAL_SHARE / usual.sum(), rare
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
        night = float(self._density(np.array(move))) / _GAP_RATE
        volume = (1.0 - _UNSCALED_SPLITS) * scaled + _UNSCALED_SPLITS * unscaled
        by_ratio = shares * self._density(move - logs) * volume
        odds = float(by_ratio.sum()) / ((night + gap) * unscaled)
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
        step, scale = self._measure_step(session)
        splits, quiet, busy = _laplace(step - logs, scale), float(_laplace(step, scale)), _busy(step)
        if len(self.volume) > session + _LATER:
            excess, spread = self._measure_excess(session)
            usual, unusual = float(_laplace(excess, spread)), _busy(excess)
            splits = splits * ((1.0 - _BUSY_SPLITS) * usual + _BUSY_SPLITS * unusual)
            quiet, busy = quiet * usual, busy * unusual
        return splits, (1.0 - _BUSY_GAPS) * quiet + _BUSY_GAPS * busy

    def _measure_step(self, session: int) -> tuple[float, float]:
        """Return the change of the volume's level at a session, and its mean where none is."""
        before, after = min(session, _WINDOW), min(len(self.volume) - session, _WINDOW)
        shorter = np.sqrt(_WINDOW / 2.0 * (1.0 / before + 1.0 / after))
        best = 0.0, np.inf
        for persistence in _PERSISTENCE:
            steps = np.correlate(self.volume, _step_filter(before, after, persistence), "valid")
            scale = self._estimate_scale(steps, _LEVEL_SCALE * shorter, before + after)
            best = min(best, (float(steps[session - before]), scale), key=lambda one: one[1])
        return best

    def _measure_excess(self, session: int) -> tuple[float, float]:
        """Return how much busier a session is than those later, and the mean of that."""
        after = min(len(self.volume) - session, _WINDOW)
        against = np.full(after, -1.0 / (after - _LATER))
        first = np.exp(-np.arange(_LATER) / _BUSY_SESSIONS)
        against[:_LATER] = first / first.sum()
        excesses = np.correlate(self.volume, against, "valid")
        return float(excesses[session]), self._estimate_scale(excesses, 2.0 * _LEVEL_SCALE, 1)

    def _estimate_scale(self, changes: np.ndarray, usual: float, window: int) -> float:
        """Return the mean size of ordinary changes: splits and gaps among them are few."""
        own = float(np.median(np.abs(changes))) / np.log(2.0)
        weight = len(changes) - window
        if weight <= 0:
            return usual
        mixed = (weight * own + _LEVEL_SESSIONS * usual) / (weight + _LEVEL_SESSIONS)
        return max(mixed, _LEAST_LEVEL_SCALE)


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


def _laplace(rest: np.ndarray | float, scale: float) -> np.ndarray:
    return np.exp(-np.abs(rest) / scale) / (2.0 * scale)


def _busy(excess: float) -> float:
    """Return the density of a busy day's volume: even up to the most, hardly any outside."""
    outside = max(excess - _MOST_BUSY, 0.0) + max(-excess, 0.0) / _LEVEL_SCALE
    return float(np.exp(-outside)) / _MOST_BUSY
