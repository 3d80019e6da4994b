"""Made-up bars: offline, the same on every machine, and append-stable.

The bars of a day depend on the symbol and the day alone. Each weekday since the epoch owns
eight 64-bit words of a Philox stream keyed by the symbol's SHA-256, and the price is always
cumulated from the epoch, so a longer window never changes the past. Weekdays are counted, not
sessions (every day, if the symbol's calendar opens on weekends): a holiday only hides its bar, so a
calendar that learns of a new holiday changes nothing else (the move of a hidden day is in the next
session's opening gap). There is no
transcendental function on the way, only + - x / on float64, which IEEE 754 fixes to the last
bit; normal variates are sums of twelve uniforms (Irwin-Hall), cut at six sigma.

Closes move by N(0.0005, 0.02) a day, plus a yearly cycle of the drift. A pull of 1/500 a day
towards a trend that grows 0.0003 a day (0.0005 less half the variance) keeps prices within
about a factor of four of it: base 50 to 250 in 2000, and trend 380 to 1,900 in 2026.
"""

import hashlib
from collections.abc import Callable
from datetime import date

import numpy as np
import polars as pl

from resources.market_data.bars import SCHEMA
from resources.market_data.source import NoBarsError, UnknownSymbolError
from resources.trading_calendar import DEFAULT_CALENDAR, get_calendar
from resources.universe import SYMBOL_RULE, is_symbol

EPOCH = date(2000, 1, 3)
DRIFT, VOLATILITY, CYCLE = 0.0005, 0.02, 0.001
TREND_GROWTH, PULL = 0.0003, 1 / 500
GAP, WICK = 0.005, 0.008
WEEKDAYS_A_YEAR = 261
WORDS_A_DAY = 8

LITTLE_ENDIAN = np.dtype("<u8")


class SyntheticSource:
    """Bars of any symbol on the sessions of its calendar, from `EPOCH` to the calendar's last day.

    Parameters
    ----------
    calendar_of
        Name of a symbol's calendar; New York's where there is none.
    """

    name = "synthetic"

    def __init__(self, calendar_of: Callable[[str], str | None] = lambda _: None) -> None:
        self._calendar_of = calendar_of

    def fetch(self, symbol: str, start: date, end: date) -> pl.DataFrame:
        """See `PriceSource.fetch`; a name that cannot be a symbol raises UnknownSymbolError."""
        if not is_symbol(symbol):
            raise UnknownSymbolError(f"{symbol[:40]!r} is not a symbol ({SYMBOL_RULE}).")
        calendar = get_calendar(self._calendar_of(symbol) or DEFAULT_CALENDAR)
        first, last = max(EPOCH, calendar.first_day), calendar.last_day
        sessions = calendar.sessions(max(EPOCH, start), end)
        if not len(sessions):
            raise NoBarsError(
                f"{symbol}: source '{self.name}' has no bars from {start} to {end} "
                f"(it has {first} to {last})."
            )
        return _generate_bars(symbol, sessions, weekends=calendar.opens_on_weekends)


def _generate_bars(symbol: str, sessions: np.ndarray, *, weekends: bool) -> pl.DataFrame:
    """Return the bars of some sessions, datetime64[D]; closes are cumulated from the epoch."""
    digest = hashlib.sha256(symbol.encode()).digest()
    rows = np.busday_count(EPOCH, sessions, "1111111" if weekends else "1111100")
    count = int(rows[-1]) + 1
    words = _draw_words(digest[:16], count)
    base = 50 + 200 * _to_fraction(digest[16:24])
    close = _compute_closes(base, _to_normal(words[:, :3]))
    before = np.concatenate(([base], close[:-1]))
    shares = 1e6 + 9e6 * _to_fraction(digest[24:])
    columns = _build_columns(shares, before[rows], close[rows], words[rows])
    return pl.DataFrame({"date": sessions, **columns}, schema=dict(SCHEMA))


def _draw_words(key: bytes, count: int) -> np.ndarray:
    """Return the random words of the first `count` weekdays, (count, 8) little-endian uint64."""
    stream = np.random.Philox(key=np.frombuffer(key, LITTLE_ENDIAN).astype(np.uint64))
    raw = np.asarray(stream.random_raw(count * WORDS_A_DAY))
    return raw.astype(LITTLE_ENDIAN).reshape(count, WORDS_A_DAY)


def _to_fraction(eight_bytes: bytes) -> float:
    return (int.from_bytes(eight_bytes, "little") >> 11) * 2.0**-53


def _to_uniform(words: np.ndarray) -> np.ndarray:
    return (words >> np.uint64(11)) * 2.0**-53


def _to_normal(words: np.ndarray) -> np.ndarray:
    """Return about N(0, 1) from (n, k) words: the scaled sum of 4k uniforms of 16 bits."""
    parts = np.ascontiguousarray(words).view("<u2")
    terms = parts.shape[1]
    centred = parts.sum(axis=1, dtype=np.int64) - terms * 32767.5
    return centred * np.sqrt(12 / terms) / 65536


def _compute_closes(base: float, normal: np.ndarray) -> np.ndarray:
    """Return the close of every weekday, (n,), from the variates of its move, (n,)."""
    days = np.arange(normal.size)
    moves = 1 + DRIFT + PULL + CYCLE * _compute_wave(days) + VOLATILITY * normal
    pulls = PULL / (base * np.cumprod(np.full(normal.size, 1 + TREND_GROWTH)))
    closes, close = [], base
    for move, pull in zip(moves.tolist(), pulls.tolist(), strict=True):
        close *= move - pull * close
        closes.append(close)
    return np.array(closes)


def _compute_wave(days: np.ndarray) -> np.ndarray:
    """Return a yearly wave in [-1, 1] of two parabolas, a sine without a sine's rounding."""
    half = (days % WEEKDAYS_A_YEAR) * 2 / WEEKDAYS_A_YEAR
    return np.where(half < 1, 4 * half * (1 - half), -4 * (half - 1) * (2 - half))


def _build_columns(
    shares: float, before: np.ndarray, close: np.ndarray, words: np.ndarray
) -> dict[str, np.ndarray]:
    """Return open, high, low, close (4 decimals) and volume (whole shares) of some days.

    Rounding is monotone, so low <= open, close <= high survives it. `before` is the close of the
    weekday before each.
    """
    opens = before * (1 + GAP * _to_normal(words[:, 3:4]))
    high = np.maximum(opens, close) * (1 + WICK * _to_uniform(words[:, 4]))
    low = np.minimum(opens, close) * (1 - WICK * _to_uniform(words[:, 5]))
    prices = {"open": opens, "high": high, "low": low, "close": close}
    busy = (0.5 + _to_uniform(words[:, 6])) * (1 + 20 * np.abs(close / before - 1))
    rounded = {name: np.round(values, 4) for name, values in prices.items()}
    return rounded | {"volume": np.rint(shares * busy), "adjustment": np.ones(close.size)}
