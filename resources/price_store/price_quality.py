"""Whether a symbol's stored bars can be trusted: complete, up to date, split, traded.

What is impossible is refused before it is stored (`resources.market_data.bars`); here are rules
for what is possible and suspicious. A symbol that breaks one is kept, and named.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from fractions import Fraction
from typing import TYPE_CHECKING

from resources.config.thresholds import Thresholds
from resources.price_store.spans import Span
from resources.splits import Splits

if TYPE_CHECKING:
    import numpy as np
    import polars as pl
    from numpy.typing import NDArray

    from resources.trading_calendar import TradingCalendar

PRICE_RULES: Mapping[str, str] = {
    "bars_are_valid": "each session once and in order, open and close within low and high, "
    "positive prices, no value missing",
    "sessions_are_complete": "a bar for each session of the symbol's exchange, and for no other "
    "day, from its first bar to its last",
    "bars_are_up_to_date": "a last bar no further behind the last session asked for than allowed",
    "jumps_are_explained": "no night on which the adjusted price moved as if a split had not been "
    "accounted for, no other unit, no bad tick",
    "volume_is_traded": "volume on most sessions, or on none, as exchange rates have it",
    "window_is_covered": "a first bar no later than allowed after the first session of the window "
    "in which the symbol was listed",
    "moves_are_usual": "no day on which the adjusted close moved further than is usual",
}
"""What holds of good bars, by the name of its check."""


_SHOWN_JUMPS = 3
_SHOWN_MOVE = 100.0
_USUAL_DAYS = 20
_MOST_USUAL_MOVE = 0.5  # the wildest coins move by a fifth of it


@dataclass(frozen=True, slots=True)
class JumpRule:
    """Which jumps of prices have no explanation.

    Parameters
    ----------
    split_odds
        As in `Thresholds`.
    splits
        The user's file of splits: their nights are explained.
    """

    split_odds: float = 1.0
    splits: Splits = field(default_factory=Splits)

    def find(self, symbol: str, bars: "pl.DataFrame") -> str:
        """Return what is not explained in a symbol's bars; "" for good ones."""
        return _find_unexplained_jump(bars, self.split_odds, self.splits.of(symbol))

    def describe(self) -> str:
        """Return a text that is equal if the same jumps have no explanation."""
        lines = [
            f"{symbol} {day} {ratio}"
            for symbol, known in self.splits.by_symbol.items()
            for day, ratio in known.items()
        ]
        return "\n".join([repr(self.split_odds), *lines])


def find_broken_rules(
    symbol: str,
    bars: "pl.DataFrame",
    asked: Span,
    thresholds: Thresholds,
    calendar: "TradingCalendar",
    splits: Splits,
) -> dict[str, str]:
    """Return what is suspicious about stored bars, by rule; empty for good ones.

    Parameters
    ----------
    bars
        At least one bar, in the schema of bars.
    asked
        The first day of the window and the last that was asked for, within the symbol's listing.
    calendar
        That of the symbol's exchange.
    splits
        As in `JumpRule`.
    """
    from resources.market_data.bars import BadBarsError, validate_bars

    try:
        validate_bars(symbol, bars)
    except BadBarsError as error:
        return {"bars_are_valid": str(error)}
    found = {
        "sessions_are_complete": _find_gaps(bars, thresholds.missing_sessions, calendar),
        "bars_are_up_to_date": _find_staleness(bars, asked[1], thresholds.stale_sessions, calendar),
        "jumps_are_explained": JumpRule(thresholds.split_odds, splits).find(symbol, bars),
        "volume_is_traded": _find_silence(bars, thresholds.silent_sessions),
        "window_is_covered": _find_late_start(bars, asked[0], thresholds.late_sessions, calendar),
        "moves_are_usual": _find_unusual_moves(bars, thresholds.unusual_move),
    }
    if found["jumps_are_explained"]:  # what looks like a split is reported once
        found["moves_are_usual"] = ""
    return {rule: text for rule, text in found.items() if text}


def _find_gaps(bars: "pl.DataFrame", allowed: float, calendar: "TradingCalendar") -> str:
    import numpy as np

    first, last = bars["date"][0], bars["date"][-1]
    if unknown := _describe_unknown_days(first, last, calendar):
        return unknown
    dates = bars["date"].to_numpy().astype("datetime64[D]")
    expected = calendar.sessions(first, last)
    if np.array_equal(expected, dates):
        return ""
    missing, other = np.setdiff1d(expected, dates), np.setdiff1d(dates, expected)
    found = []
    if len(missing) > allowed * len(expected):
        found.append(
            f"{len(missing)} of {len(expected)} sessions have no bar, the first on {missing[0]}"
        )
    if len(other) > allowed * len(expected):
        found.append(
            f"{len(other)} bars are of days on which {calendar.name} was closed, the first of "
            f"{other[0]}: does the universe name the symbol's calendar?"
        )
    return "; ".join(found)


def _find_staleness(
    bars: "pl.DataFrame", last_asked: date, allowed: int, calendar: "TradingCalendar"
) -> str:
    last = bars["date"][-1]
    # Of days to come there is no bar yet.
    over = min(last_asked, calendar.last_day_over())
    if unknown := _describe_unknown_days(last, over, calendar):
        return unknown
    behind = len(calendar.sessions(last + timedelta(days=1), over))
    return f"the last bar is of {last}, {behind} sessions behind" if behind > allowed else ""


def _find_late_start(
    bars: "pl.DataFrame", first_asked: date, allowed: int, calendar: "TradingCalendar"
) -> str:
    first = bars["date"][0]
    if unknown := _describe_unknown_days(first_asked, first, calendar):
        return unknown
    late = len(calendar.sessions(first_asked, first - timedelta(days=1)))
    if late <= allowed:
        return ""
    return f"the first bar is of {first}, {late} sessions after the window's first"


def _describe_unknown_days(first: date, last: date, calendar: "TradingCalendar") -> str:
    """Return why sessions between two days can't be counted; "" if they can."""
    if first < calendar.first_day:
        return (
            f"not measured: sessions of {calendar.name} before {calendar.first_day} are not known"
        )
    if last > calendar.last_day:
        return f"not measured: sessions of {calendar.name} after {calendar.last_day} are not known"
    return ""


def _find_unexplained_jump(
    bars: "pl.DataFrame", split_odds: float, splits: Mapping[date, Fraction]
) -> str:
    """Tell of the first night, bar or price that no market explains, and how many there are."""
    from resources.price_store.jumps import AdjustedBars, find_jumps

    factor = bars["adjustment"].to_numpy()
    prices = {name: bars[name].to_numpy() * factor for name in ("open", "high", "low", "close")}
    adjusted = AdjustedBars(
        days=bars["date"].to_numpy(), **prices, volume=bars["volume"].to_numpy() / factor
    )
    if absurd := _find_absurd_moves(adjusted.close):
        return absurd
    found = find_jumps(adjusted, split_odds, splits)
    if len(found) <= 1:
        return found[0].text if found else ""
    first, *others = found
    days = ", ".join(str(one.day) for one in others[:_SHOWN_JUMPS])
    more = f" and {len(others) - _SHOWN_JUMPS} more" if len(others) > _SHOWN_JUMPS else ""
    return f"{first.text} Also on {days}{more}"


def _find_absurd_moves(close: "NDArray[np.float64]") -> str:
    """Tell of closes that move on most days as no market does on a single one.

    Beside such days none of them stands out, and in the mean return of a universe they are all
    that there is.
    """
    import numpy as np

    if len(close) <= _USUAL_DAYS:
        return ""
    with np.errstate(all="ignore"):  # of prices next to 0, which are refused elsewhere
        usual = float(np.expm1(np.median(np.abs(np.diff(np.log(close))))))
    if not usual > _MOST_USUAL_MOVE:
        return ""
    return f"on a usual day the adjusted close moves by {usual:.0%}: is the unit always the same?"


def _find_unusual_moves(bars: "pl.DataFrame", allowed: float) -> str:
    """Tell of the largest move from close to close, adjusted, if it is further than allowed."""
    import numpy as np

    closes = bars["close"].to_numpy() * bars["adjustment"].to_numpy()
    moves = closes[1:] / closes[:-1] - 1.0
    far = np.flatnonzero(np.abs(moves) >= allowed)
    if not len(far):
        return ""
    day = int(far[np.abs(moves[far]).argmax()])
    move = f"{moves[day]:+.0%}" if moves[day] < _SHOWN_MOVE else f"{moves[day]:.3g} times its price"
    return f"{len(far)} unusual days, the largest {bars['date'][day + 1]} with {move}"


def _find_silence(bars: "pl.DataFrame", allowed: float) -> str:
    silent = int((bars["volume"] == 0.0).sum())
    # A feed without any volume, of exchange rates say, leaves nothing to measure.
    if silent <= allowed * bars.height or silent == bars.height:
        return ""
    return f"{silent} of {bars.height} sessions have no volume"
