"""Whether a strategy's positions are at better places than the same positions elsewhere."""

import math
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engine.costs import CostModel, estimate_growth
from strategies.base import Floats, Ints
from strategies.portable import log, log1p

Complex = NDArray[np.complex128]

REMEMBERED = 6
"""Places that are up to this part of the window earlier are left out: half a year of three."""


_MOST_LOST = -0.99
"""Of a position: fees per order can exceed what a small account trades for."""


@dataclass(frozen=True, eq=False)
class SymbolPositions:
    """The positions of one strategy on one symbol of T bars.

    Parameters
    ----------
    price
        At which a signal fills, by bar, and the last close after them, shape (T + 1,).
    entry, exit
        Bars of the fills, shape (M,); the exit of an open position is T.
    side
        1 for long, -1 for short, shape (M,).
    half_spread
        Of the data, by bar, shape (T,); None where it has none.
    """

    price: Floats
    entry: Ints
    exit: Ints
    side: Ints
    half_spread: Floats | None = None


@dataclass(frozen=True)
class RandomEntries:
    """The strategy's own positions against the same ones at other places.

    Parameters
    ----------
    log_return
        Mean over symbols of the total log return, costs included.
    expected
        Mean of the same over the other places.
    p_value
        Share of places, its own among them, that reach it; NaN without any position.
    positions, places
        How many there are.
    """

    log_return: float
    expected: float
    p_value: float
    positions: int
    places: int


def compare_with_random_entries(
    symbols: Iterable[SymbolPositions], costs: CostModel, capital: float
) -> RandomEntries:
    """Return where the strategy stands among the places that its positions could be at.

    All positions of all symbols move later by the same number of bars, those that leave at the end
    coming in at the beginning. Number, lengths and costs stay, and so does what the
    symbols hold at the same time: placed independently per symbol, hundreds of positions would
    average out what the whole market did, and a strategy whose symbols enter together would be
    found better than chance by the luck of its few independent decisions. Every place is tried, so
    that nothing is drawn, but for those a little earlier: there, positions would lie on the bars
    that decided them, which are falls for a strategy that buys after falls. Symbols with fewer bars
    move by the same share of theirs.

    On 400 universes of noise (20 symbols, 756 bars) 3.8 to 5.8 % have a p-value of 5 % or less for
    seven of the nine strategies, with an error of 1.1 points; with all places it was 0 to 5.2 %.
    For bollinger and rsi it is 9 and 11 %: they hold until the price recovers, so that what a
    position earns decides how long it is, which it does at no other place. So no verdict hangs on
    this test.

    Fills are at the market's price of a signal, also for positions that a stop had ended inside a
    bar; a short counts as minus the log return of the price.
    """
    spectra: dict[int, np.ndarray] = {}
    count, paid, number = 0, 0.0, 0
    for one in symbols:
        bars = len(one.price) - 1
        move = log(one.price[1:] / one.price[:-1])
        held = np.zeros(bars + 1)
        np.add.at(held, one.entry, one.side)
        np.add.at(held, one.exit, -one.side)
        spectrum = _multiply(np.fft.rfft(move), np.fft.rfft(held.cumsum()[:-1]))
        spectra[bars] = spectra.get(bars, 0.0) + spectrum
        paid += _sum_costs(one, bars, costs, capital)
        count += 1
        number += len(one.side)
    if not number:
        return RandomEntries(0.0, 0.0, math.nan, 0, 0)
    places = max(spectra)
    total = np.full(places, paid)
    for bars, spectrum in spectra.items():
        shift = np.round(np.arange(places) * bars / places).astype(np.int64) % bars
        total += np.fft.irfft(spectrum, bars)[shift]
    total = total[: places - places // REMEMBERED] / count
    reached = total >= total[0] - 1e-12 * max(1.0, abs(total[0]))
    expected = float(total[1:].mean()) if len(total) > 1 else math.nan
    return RandomEntries(float(total[0]), expected, float(reached.mean()), number, len(total))


def _multiply(left: Complex, right: Complex) -> Complex:
    """Return left times the conjugate of right: NumPy's own product has other bits with FMA."""
    product = np.empty_like(left)
    product.real = left.real * right.real + left.imag * right.imag
    product.imag = left.imag * right.real - left.real * right.imag
    return product


def _sum_costs(one: SymbolPositions, bars: int, costs: CostModel, capital: float) -> float:
    """Return the sum of log growth that round trips at an unchanged price have."""
    price = one.price[one.entry]
    spread = None if one.half_spread is None else one.half_spread[one.entry]
    growth = estimate_growth(costs, one.side, one.exit < bars, price, capital, spread)
    return float(log1p(np.maximum(growth, _MOST_LOST)).sum())
