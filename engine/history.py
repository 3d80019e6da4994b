"""One symbol's bars on their dates, and the part of them that a window trades."""

from dataclasses import dataclass, field, fields
from datetime import date, timedelta
from hashlib import sha256

import numpy as np
from numpy.typing import NDArray

from engine.costs import MOST_ADVERSE
from engine.errors import UnusableBarsError
from engine.settings import Window
from strategies.base import Bars, Floats

BARS_PER_YEAR = 252.0
"""Sessions per year of the New York Stock Exchange, rounded; of histories that say nothing else."""

DAYS_PER_YEAR, WEEKDAYS_PER_YEAR = 365.0, 261.0
"""Sessions per year of a market that never closes, and of one that closes on weekends only."""

LONGEST_CLOSURE = timedelta(days=7)
"""Without a calendar, bars that begin or end this close to a window's end count as reaching it: the
longest closure of the New York Stock Exchange since 1933 lasted six days with its weekend
(September 2001)."""

LEAST_PRICE, GREATEST_PRICE = 1e-18, 1e18
"""Of one share: 1e-18 is the smallest unit of any currency, and 1e18 of one pays every debt. Far
outside, the squares that indicators take are 0 or infinite."""

WIDEST_RANGE = 1e15
"""Between the lowest and the highest price of a symbol: float64 has 15 digits, so money that has
grown by more can't be added to what it grew from. The adjusted prices of the fund that lost most by
reverse splits (UVXY) have a range of 1e9."""

_DAY = np.dtype("datetime64[D]")
# London trades on 97 % of weekdays, more than most; holidays are spread over the year.
_EVERY_WEEKDAY, _WEEKDAYS_NEEDED, _BARS_LOOKED_AT = 0.985, 200, 520
_THURSDAY = 3  # 1970-01-01 was one, counted from Monday


@dataclass(frozen=True)
class History:
    """One symbol's bars, oldest first, those before the window included as warm-up.

    Parameters
    ----------
    symbol
        Its name.
    dates
        ``datetime64[D]``, strictly ascending, one per bar.
    bars
        Adjusted prices and volume, as many as `dates`, without NaN. Highs and lows may be
        missing (NaN on every bar) unless stops or the strategy need them.
    bars_per_year
        Bars per year of its exchange, for annualization.
    last_session
        The last session that its bars could be of, if a calendar is available: a symbol whose bars
        stop earlier ended early. Without it, bars may stop up to seven days before a window does.
    half_spread
        Half of ask - bid as a fraction of the price, from 0 to below 0.5, one per bar; None
        where it is not known.
    """

    symbol: str
    dates: NDArray[np.datetime64] = field(repr=False)
    bars: Bars = field(repr=False)
    bars_per_year: float = field(default=BARS_PER_YEAR, kw_only=True)
    last_session: date | None = field(default=None, kw_only=True)
    half_spread: Floats | None = field(default=None, kw_only=True, repr=False)

    def cut_to(self, window: Window) -> "TradedHistory":
        """Return the history without the bars after the window; see `TradedHistory.check`.

        Raises
        ------
        UnusableBarsError
            When the window holds no bar, dates do not ascend, or an array has the wrong dtype or
            length.
        """
        self._check_arrays()
        ascends = self.dates[1:] > self.dates[:-1]
        if not ascends.all():
            before, after = self.dates[ascends.argmin() :][:2]
            raise UnusableBarsError(
                f"{self.symbol} has dates that do not ascend: {after} comes after {before}; "
                "needed: one bar per day, oldest first."
            )
        first, stop = self.dates.searchsorted(window.days).tolist()
        if first >= stop:
            raise UnusableBarsError(
                f"{self.symbol} has no bars between {window.start} and {window.end}."
            )
        return TradedHistory(
            self.symbol,
            self.dates[:stop],
            _cut_bars(self.bars, stop),
            first,
            bars_per_year=self.bars_per_year,
            last_session=self.last_session,
            half_spread=None if self.half_spread is None else self.half_spread[:stop],
        )

    def content_version(self) -> str:
        """Return a fingerprint of the dates and bars: other bars, to the bit, have another one."""
        digest = sha256(self.dates.tobytes())
        for field_ in fields(Bars):
            digest.update(getattr(self.bars, field_.name).tobytes())
        if self.half_spread is not None:
            digest.update(self.half_spread.tobytes())
        return digest.hexdigest()[:32]

    def _check_arrays(self) -> None:
        if getattr(self.dates, "dtype", None) != _DAY:
            raise UnusableBarsError(f"{self.symbol} needs dates of dtype {_DAY}.")
        for field_ in fields(Bars):
            values = getattr(self.bars, field_.name, None)
            if not isinstance(values, np.ndarray) or values.dtype != np.float64:
                raise UnusableBarsError(f"{self.symbol} needs a {field_.name} of dtype float64.")
            if values.shape != self.dates.shape:
                raise UnusableBarsError(
                    f"{self.symbol} has {len(self.dates)} dates, but {field_.name} of shape "
                    f"{values.shape}."
                )
        if self.half_spread is not None and np.shape(self.half_spread) != self.dates.shape:
            raise UnusableBarsError(
                f"{self.symbol} has {len(self.dates)} dates, but half_spread of shape "
                f"{np.shape(self.half_spread)}."
            )


@dataclass(frozen=True)
class TradedHistory(History):
    """A history up to the end of a window: bars from `first` on are traded, earlier ones warm up.

    Parameters
    ----------
    first
        Index of the window's first bar.
    """

    first: int

    @property
    def traded_bars(self) -> int:
        """Number of bars in the window, at least 1."""
        return len(self.dates) - self.first

    @property
    def has_range(self) -> bool:
        """Whether the bars have highs and lows."""
        return not bool(np.isnan(self.bars.high[-1]) or np.isnan(self.bars.low[-1]))

    def ends_before(self, window: Window) -> bool:
        """Return whether its bars stop before the window does."""
        last = self.dates[-1].astype(date)
        if self.last_session is not None and self.last_session <= window.end:
            return last < self.last_session
        return window.end - last > LONGEST_CLOSURE

    def check(self) -> None:
        """Refuse bars that cannot be simulated; the error names the first wrong one.

        Raises
        ------
        UnusableBarsError
            When a price is NaN, infinite, not positive or out of the range in which money can be
            counted (`LEAST_PRICE`, `GREATEST_PRICE`, `WIDEST_RANGE`), a volume is not a
            number, or a half-spread is not from 0 to below `MOST_ADVERSE`.
        """
        for name in ("open", "high", "low", "close"):
            prices = getattr(self.bars, name)
            # One NaN makes both extremes NaN, and no comparison with NaN is true.
            lowest, highest = np.minimum.reduce(prices), np.maximum.reduce(prices)
            if lowest > 0 and highest < np.inf:
                self._check_range(name, float(lowest), float(highest))
                continue
            if name in {"high", "low"} and np.isnan(prices).all():
                continue
            bad = ~(np.isfinite(prices) & (prices > 0))
            raise UnusableBarsError(
                f"{self.symbol} has the {name} {prices[bad.argmax()]} "
                f"on {self.dates[bad.argmax()]}; prices must be positive numbers."
            )
        if not np.isfinite(self.bars.volume).all():
            raise UnusableBarsError(f"{self.symbol} has a volume that is not a number.")
        spread = self.half_spread
        if spread is not None and not ((spread >= 0.0) & (spread < MOST_ADVERSE)).all():
            raise UnusableBarsError(
                f"{self.symbol} has a half_spread that is no fraction of the price; allowed: from "
                f"0 to below {MOST_ADVERSE}, where 0.0005 is 0.05 %."
            )

    def _check_range(self, name: str, lowest: float, highest: float) -> None:
        """Refuse prices that are numbers, but with which money can't be counted."""
        if lowest >= LEAST_PRICE and highest <= GREATEST_PRICE:
            if highest <= WIDEST_RANGE * lowest:
                return
            allowed = f"the highest at most {WIDEST_RANGE:g} times the lowest"
        else:
            allowed = f"from {LEAST_PRICE:g} to {GREATEST_PRICE:g}"
        days = [self.dates[getattr(self.bars, name) == one][0] for one in (lowest, highest)]
        raise UnusableBarsError(
            f"{self.symbol} has prices with which money can't be counted: the {name} {lowest:g} on "
            f"{days[0]} and {highest:g} on {days[1]}; allowed: {allowed}."
        )


def _cut_bars(bars: Bars, stop: int) -> Bars:
    """Return read-only views of the first bars: a strategy must not change what others see."""
    views = [getattr(bars, field_.name)[:stop] for field_ in fields(Bars)]
    for view in views:
        view.setflags(write=False)
    return Bars(*views)


def infer_bars_per_year(days: NDArray[np.datetime64]) -> float:
    """Return the bars per year that the days of some bars show.

    365 for a market that never closes: bars of Saturdays and Sundays as of other days, not of a
    stray Saturday. 261 for one that closes on weekends only: bars of hardly less than all weekdays
    of a year, which no exchange with holidays has. Otherwise 252. The last two years are looked at.
    `days` has dtype ``datetime64[D]``, ascending, shape (n,).
    """
    days = days[-_BARS_LOOKED_AT:]
    counts = np.bincount((days.view(np.int64) + _THURSDAY) % 7, minlength=7).tolist()
    if 2 * min(counts[5:]) > max(counts[:5]):
        return DAYS_PER_YEAR
    if len(days) < _WEEKDAYS_NEEDED * _EVERY_WEEKDAY:
        return BARS_PER_YEAR
    weekdays = np.busday_count(days[0], days[-1] + 1)
    if weekdays >= _WEEKDAYS_NEEDED and sum(counts[:5]) >= _EVERY_WEEKDAY * weekdays:
        return WEEKDAYS_PER_YEAR
    return BARS_PER_YEAR
