"""Pictures for the UI and for files, as SVG: lines and words with a scale need no library.

matplotlib takes 0.7 s of CPU to load and to draw one plot, as much as a run's backtests.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from functools import lru_cache
from html import escape

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

INK, GREY, RULE = "#2b2f33", "#b9c0c7", "#e6e8ea"

_NICE = (1, 2, 2.5, 5, 10)
_LONG_NUMBER = 1e6
_YEAR = 12


@dataclass(frozen=True)
class Scale:
    """Where values are on an axis.

    Parameters
    ----------
    low, high
        The values at its ends; `high` is the greater one.
    first, last
        The places of its ends, in pixels.
    """

    low: float
    high: float
    first: float
    last: float

    def place(self, values: Floats) -> Floats:
        """Return the places of values."""
        return self.first + (values - self.low) * self._pixels

    def at(self, value: float) -> float:
        """Return the place of a value."""
        return self.first + (value - self.low) * self._pixels

    @property
    def _pixels(self) -> float:
        """Per unit of the values."""
        return (self.last - self.first) / (self.high - self.low)

    def ticks(self, about: int) -> list[tuple[str, float]]:
        """Return round values as they are written, and their places."""
        step = self.step(about)
        digits = max(0, -int(Decimal(f"{step:.3g}").as_tuple().exponent))
        return [(_name_number(value, digits), place) for value, place in self.values(about)]

    def values(self, about: int) -> list[tuple[float, float]]:
        """Return round values and their places."""
        step = self.step(about)
        numbers = range(math.ceil(self.low / step), math.floor(self.high / step) + 1)
        return [(one * step, self.at(one * step)) for one in numbers]

    def step(self, about: int) -> float:
        """Return the distance of round values, of which there are about so many."""
        return _round((self.high - self.low) / about)

    def months(self, most: int) -> list[tuple[str, float]]:
        """Return names and places of first days of months; values are days since 1970.

        Where there are fewer than two, the first and the last day are named.
        """
        named = _name_days(math.ceil(self.low), math.floor(self.high), most)
        return [(name, self.at(day)) for name, day in named]


def make_scale(values: Floats, first: float, last: float) -> Scale:
    """Return a scale with room for finite values, and a little more at both ends."""
    low, high = float(values.min()), float(values.max())
    room = 0.04 * (high - low) or 0.05 * max(abs(high), 1.0)
    return Scale(low - room, high + room, first, last)


def draw_text(x: float, y: float, text: str, anchor: str = "start", **style: str) -> str:
    """Return a line of text; `anchor` says what is at `x`: its start, middle or end."""
    styled = "".join(f' {name.replace("_", "-")}="{value}"' for name, value in style.items())
    anchored = "" if anchor == "start" else f' text-anchor="{anchor}"'
    return (
        f'<text x="{_round_place(x)}" y="{_round_place(y)}"{anchored}{styled}>{escape(text)}</text>'
    )


def draw_curve(x: Floats, y: Floats, color: str, width: float) -> str:
    """Return a line through points, their places in pixels, x ascending.

    Of the points of a pixel's width the lowest and the highest are kept, to a tenth of a pixel.
    """
    points = np.rint(np.column_stack([x, y])[_find_extremes(np.floor(x), y)] * 10).astype(int)
    steps = " ".join(f"{right} {down}" for right, down in np.diff(points, axis=0).tolist())
    return (
        f'<path transform="scale(.1)" d="M{points[0, 0]} {points[0, 1]}l{steps}" fill="none" '
        f'stroke="{color}" stroke-width="{10 * width:g}" stroke-linejoin="round"/>'
    )


def draw_picture(width: int, height: int, caption: Sequence[str], content: str) -> str:
    """Return a whole SVG with lines of text above its content, which are its description, too."""
    lines = "".join(
        draw_text(10, 19 + 17 * number, line, font_weight="bold", font_size="13")
        for number, line in enumerate(caption)
    )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" '
        f'viewBox="0 0 {width} {height}" font-family="sans-serif" font-size="12" fill="{INK}">'
        f"<desc>{escape('; '.join(caption))}</desc>"
        f'<rect width="100%" height="100%" fill="white"/>{lines}{content}</svg>'
    )


def _round_place(place: float) -> str:
    """Return pixels to a tenth, without a zero behind the point."""
    return f"{place:.1f}".removesuffix(".0")


def _find_extremes(columns: Floats, y: Floats) -> NDArray[np.int64]:
    order = np.lexsort((y, columns))
    starts = np.flatnonzero(np.diff(columns[order], prepend=-np.inf))
    lowest, highest = order[starts], order[np.append(starts[1:], len(y)) - 1]
    return np.unique(np.concatenate([lowest, highest, [0, len(y) - 1]]))


def _round(step: float) -> float:
    """Return the nicest number near a step."""
    power = 10.0 ** math.floor(math.log10(step))
    return min((nice * power for nice in _NICE), key=lambda one: abs(math.log(one / step)))


def _name_number(value: float, digits: int) -> str:
    return f"{value:.{digits}f}" if abs(value) < _LONG_NUMBER else f"{value:.3g}"


@lru_cache  # the charts of a report are of the same few windows
def _name_days(low: int, high: int, most: int) -> Sequence[tuple[str, int]]:
    """Return at most so many names of days since 1970, by which others are found."""
    first, last = date.fromordinal(_EPOCH + low), date.fromordinal(_EPOCH + high)
    starts = next(
        starts
        for step in (1, 2, 3, 6, *(_YEAR * years for years in (1, 2, 5, 10, 50, 1000)))
        if len(starts := _list_months(first, last, step)) <= most
    )
    january = any(day.month == 1 for day in starts)
    named = [(_name_month(day, january=january), day) for day in starts]
    if len(named) < 2:  # noqa: PLR2004 - one day is no scale
        named = [(day.isoformat(), day) for day in sorted({first, last})]
    return [(name, day.toordinal() - _EPOCH) for name, day in named]


def _list_months(first: date, last: date, step: int) -> list[date]:
    """Return the first days of every `step`th month since the year 0, between two days."""
    months = range(first.year * _YEAR, (last.year + 1) * _YEAR)
    days = [date(one // _YEAR, one % _YEAR + 1, 1) for one in months if one % step == 0]
    return [day for day in days if first <= day <= last]


def _name_month(day: date, *, january: bool) -> str:
    """Return a year for January; where no January is shown, each month has its year."""
    if not january:
        return f"{day:%b %Y}"
    return str(day.year) if day.month == 1 else f"{day:%b}"


_EPOCH = date(1970, 1, 1).toordinal()
