"""Nights, bars and prices that no market explains: splits, units and ticks that the feed got wrong.

Pure NumPy, on one symbol's bars. A large overnight move is a split if its odds against a real gap
say so (`resources.price_store.split_odds`); a scale that comes and goes is another unit; a single
price that is back on the next bar is a bad tick.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from fractions import Fraction

import numpy as np

from resources.price_store.split_odds import LEAST_MOVE, SplitOdds

# Beyond ten times from one price to the next, no night is explained, whatever the ratio.
_ABSURD, _LOG_ABSURD = 10.0, float(np.log(10.0))
# A tick is at least twice (less a night's own move) its neighbours, which agree: they differ by
# a quarter of that at most. AMC rose by 300 % in January 2021 and fell by half, and is none.
_TICK, _AGREEMENT = float(np.log(1.9)), 0.25
# A feed quotes pence for a few days; months in pounds would be a history of their own.
_UNIT_SESSIONS = 60
_PENCE, _LOG_PENCE = Fraction(100), float(np.log(100.0))
# How near a ratio or a unit a move must be to be called by its name.
_NEAR = 0.1


@dataclass(frozen=True)
class AdjustedBars:
    """Bars of one symbol, oldest first, arrays of (n,); all prices positive and finite.

    Prices are adjusted, volume is in shares of the same adjustment: raw volume / adjustment.
    """

    days: np.ndarray
    open: np.ndarray
    high: np.ndarray
    low: np.ndarray
    close: np.ndarray
    volume: np.ndarray


@dataclass(frozen=True)
class Jump:
    """What is not explained: the first day on which it shows, and a text for the user."""

    day: date
    text: str


_MOST_DIGITS = 1e7


def find_jumps(
    bars: AdjustedBars, split_odds: float = 1.0, explained: Mapping[date, Fraction] | None = None
) -> list[Jump]:
    """Return what is not explained, oldest first; empty for good bars.

    Parameters
    ----------
    split_odds
        Odds of a split against a gap from which a night is accused.
    explained
        Splits by the first day at the new price, 1 for a real move: what begins on the first bar
        from that day on is explained, unless the ratio made the night worse.
    """
    nights = np.zeros(len(bars.days))
    nights[1:] = np.log(bars.close[:-1] / bars.open[1:])
    large = np.flatnonzero(np.abs(nights) >= LEAST_MOVE)
    wide = np.flatnonzero(bars.high >= _ABSURD * bars.low)
    if not len(large) and not len(wide):
        return []
    known = _locate(bars.days, explained or {})
    reverting = list(_find_reverting(bars, nights, large))
    taken = {night for one in reverting for night in one.nights}
    rest = [int(night) for night in large if night not in taken]
    found = {
        **dict(_find_splits(bars, nights, rest, split_odds, known)),
        **dict(_find_wide_bars(bars, wide)),
        **{one.first: one.text for one in reverting},
    }
    return [
        Jump(bars.days[at].astype("datetime64[D]").item(), found[at])
        for at in sorted(found)
        if at not in known or _is_worse(nights[at], known[at])
    ]


@dataclass(frozen=True)
class _Reverting:
    """A price or bars off their neighbours: the first bar, and the nights it accounts for."""

    first: int
    nights: tuple[int, ...]
    text: str


def _locate(days: np.ndarray, explained: Mapping[date, Fraction]) -> dict[int, float]:
    """Return the logarithm of the ratio by the first bar from its day on."""
    found: dict[int, float] = {}
    for day, ratio in explained.items():
        at = int(np.searchsorted(days, np.datetime64(day)))
        found[at] = found.get(at, 0.0) + float(np.log(float(ratio)))
    return found


def _is_worse(night: float, log_ratio: float) -> bool:
    """Say whether a night would be smaller without the ratio that was applied to it."""
    return abs(night) >= LEAST_MOVE and abs(night) > abs(night + log_ratio)


def _find_reverting(
    bars: AdjustedBars, nights: np.ndarray, large: np.ndarray
) -> Iterator[_Reverting]:
    """Find ticks and units: what leaves its neighbours and comes back to them."""
    last = -1
    for night in large.tolist():
        if night <= last:  # the way back
            continue
        found = _find_tick(bars, nights, night) or _find_unit(bars, nights, night, large)
        if found:
            last = found.nights[-1]
            yield found


def _find_tick(bars: AdjustedBars, nights: np.ndarray, night: int) -> _Reverting | None:
    """Find a close, an open or a bar that is off, next to a large night."""
    before = float(np.log(bars.close[night - 1] / bars.open[night - 1]))
    fall = float(nights[night])
    if _reverts(before, fall, _TICK):
        return _Reverting(night - 1, (night,), _tell_tick(bars, "close", night - 1, before, fall))
    back = float(np.log(bars.open[night] / bars.close[night]))
    if _reverts(-fall, back, _TICK):
        return _Reverting(night, (night,), _tell_tick(bars, "open", night, -fall, back))
    return None


def _find_unit(
    bars: AdjustedBars, nights: np.ndarray, night: int, large: np.ndarray
) -> _Reverting | None:
    """Find the bars from a large night to the one that takes the price back."""
    away = -float(nights[night])
    for end in large[(large > night) & (large <= night + _UNIT_SESSIONS)].tolist():
        alone = end == night + 1
        back = float(nights[end])
        if not _reverts(away, back, _TICK if alone else _LOG_ABSURD):
            continue
        factor = float(np.exp((away + back) / 2.0))
        pence = abs(abs(np.log(factor)) - _LOG_PENCE) <= _NEAR
        if pence:
            factor = float(_PENCE if factor > 1.0 else 1 / _PENCE)
        why = "pence and pounds?" if pence else "a bad tick?" if alone else "another unit?"
        first, final = bars.days[night], bars.days[end - 1]
        what = f"the bar of {first} is" if alone else f"the bars of {first} to {final} are"
        whose = "its" if alone else "their"
        return _Reverting(
            night, (night, end), f"{what} {_round(factor)} times {whose} neighbours: {why}"
        )
    return None


def _reverts(away: float, back: float, least: float) -> bool:
    smaller, larger = sorted((abs(away), abs(back)))
    return away * back > 0.0 and smaller >= least and larger - smaller <= _AGREEMENT * smaller


def _tell_tick(bars: AdjustedBars, price: str, at: int, away: float, back: float) -> str:
    factor = float(np.exp((away + back) / 2.0))
    return f"the {price} of {bars.days[at]} is {_round(factor)} times its neighbours: a bad tick?"


def _find_wide_bars(bars: AdjustedBars, wide: np.ndarray) -> Iterator[tuple[int, str]]:
    """Find bars that go from one price to ten times that, whether or not they come back."""
    for at in wide.tolist():
        first, final = bars.open[at], bars.close[at]
        ratios = {
            "close": ("its open", final / first),
            "high": ("its open and close", bars.high[at] / max(first, final)),
            "low": ("its open and close", bars.low[at] / min(first, final)),
        }
        price = max(ratios, key=lambda name: abs(np.log(ratios[name][1])))
        than, ratio = ratios[price]
        yield (
            at,
            f"the {price} of {bars.days[at]} is {_round(float(ratio))} times {than}: a bad tick?",
        )


def _find_splits(
    bars: AdjustedBars,
    nights: np.ndarray,
    large: Sequence[int],
    least_odds: float,
    known: Mapping[int, float],
) -> Iterator[tuple[int, str]]:
    if not large:
        return
    odds_of = SplitOdds.from_history(nights[1:], bars.volume)
    for night in large:
        open_of = f"the open of {bars.days[night]} is {_tell_ratio(np.exp(-nights[night]))}"
        if night in known:
            yield night, f"{open_of}, with its line in the file of splits: is it in the feed too?"
            continue
        odds, ratio = odds_of.judge(float(nights[night]), night)
        if odds >= least_odds or abs(nights[night]) >= _LOG_ABSURD:
            yield night, f"{open_of}: {_tell_split(float(nights[night]), ratio)}"


def _round(factor: float) -> str:
    return f"{factor:,.0f}" if float(_PENCE) <= factor < _MOST_DIGITS else f"{factor:.3g}"


def _tell_ratio(became: float) -> str:
    return (
        f"{became:.3f} of the close before"
        if became < 1.0
        else f"{became:.4g} times the close before"
    )


def _tell_split(night: float, ratio: Fraction) -> str:
    if abs(night - np.log(float(ratio))) > _NEAR:
        return "no usual split, but no night either"
    unit = ", or pence and pounds?" if max(ratio, 1 / ratio) == _PENCE else "?"
    return f"a {ratio.numerator}-for-{ratio.denominator} split that is not in the adjustment{unit}"
