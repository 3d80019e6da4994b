"""The one schema of a frame of daily bars, its rules and its version.

A bars frame has one row per session, oldest first:

===========  =======  ======================================================================
date         Date     the session; unique, ascending
open         Float64  raw price in the symbol's currency, as high, low and close
volume       Float64  shares. Not an integer: TA-Lib and NumPy want float64 without a copy,
                      feeds have fractional volume (funds, currencies, split-adjusted files),
                      and whole numbers up to 2**53 are exact
adjustment   Float64  factor for splits and dividends: adjusted price = raw price x adjustment,
                      the same for open, high, low and close; 1.0 where there is none
half_spread  Float64  half of ask - bid as a fraction of the price, from 0 to below 0.5; a frame
                      whose source does not know it has no such column
===========  =======  ======================================================================

No value is null, NaN or infinite.
"""

import hashlib
from collections.abc import Mapping

import numpy as np
import polars as pl

from engine.costs import MOST_ADVERSE
from engine.data_provider import ROUNDING
from resources.market_data.source import MarketDataError

PRICES = ("open", "high", "low", "close")
SCHEMA: Mapping[str, pl.DataType] = {
    "date": pl.Date(),
    **{name: pl.Float64() for name in (*PRICES, "volume", "adjustment")},
}

HALF_SPREAD = "half_spread"
SCHEMA_WITH_SPREAD: Mapping[str, pl.DataType] = {**SCHEMA, HALF_SPREAD: pl.Float64()}

_NAMES, _NAMES_WITH_SPREAD = list(SCHEMA), list(SCHEMA_WITH_SPREAD)
_CAN_BE_ZERO = ("volume", HALF_SPREAD)
_NO_SPREAD = (
    f"{HALF_SPREAD} is no fraction of the price, from 0 to below {MOST_ADVERSE}: 0.0005 is 0.05 %"
)
_WITHOUT_SPREAD = (
    f" Correct the cell, or rename or remove the column '{HALF_SPREAD}' if costs do not use it."
)


class BadBarsError(MarketDataError):
    """Bars break a rule; the text names the symbol, the first offending date and the rule."""


def find_schema(frame: pl.DataFrame) -> Mapping[str, pl.DataType]:
    """Return the schema that a frame is to have: with half-spreads if it has such a column."""
    return SCHEMA_WITH_SPREAD if HALF_SPREAD in frame.columns else SCHEMA


def _find_broken_rows(bars: pl.DataFrame) -> dict[str, np.ndarray]:
    """Return, by what is wrong, the rows it is wrong of: (n,) masks, most basic rule first.

    Null reads as NaN here, and a comparison with NaN is false: only its own rule finds it.
    Open and close must lie within [low, high] to the last bit: a feed that rounds all four
    alike keeps their order, and so does their product with one positive factor, because
    rounding is monotone.
    """
    days = bars["date"].to_physical().cast(pl.Float64).to_numpy()
    values = {name: bars[name].to_numpy() for name in bars.columns[1:]}
    step = np.diff(days, prepend=-np.inf)
    rules = {
        "date is missing": np.isnan(days),
        "dates are not unique": step == 0,
        "dates are not ascending": step < 0,
    }
    rules |= {f"{name} is missing, NaN or infinite": ~np.isfinite(values[name]) for name in values}
    rules |= {f"{name} is not positive": values[name] <= 0 for name in (*PRICES, "adjustment")}
    opens, high, low, close = (values[name] for name in PRICES)
    rules |= {
        "high is below low": high < low,
        "open is outside [low, high]": (opens < low) | (opens > high),
        "close is outside [low, high]": (close < low) | (close > high),
        "volume is negative": values["volume"] < 0,
    }
    if HALF_SPREAD in values:
        rules[_NO_SPREAD] = ~((values[HALF_SPREAD] >= 0.0) & (values[HALF_SPREAD] < MOST_ADVERSE))
    return rules


def widen_ranges(bars: pl.DataFrame) -> tuple[pl.DataFrame, int]:
    """Return bars whose high and low contain open and close, and how many bars were changed.

    Only a difference that rounding explains (`ROUNDING`) is repaired; `validate_bars` refuses a
    larger one.
    """
    opens, high, low, close = (bars[name].to_numpy() for name in PRICES)
    highest, lowest = np.fmax(opens, close), np.fmin(opens, close)
    above = (highest > high) & (highest <= high * (1.0 + ROUNDING))
    below = (lowest < low) & (lowest >= low * (1.0 - ROUNDING))
    changed = int((above | below).sum())
    if not changed:
        return bars, 0
    widened = {"high": np.where(above, highest, high), "low": np.where(below, lowest, low)}
    return bars.with_columns(
        **{name: pl.Series(values) for name, values in widened.items()}
    ), changed


def validate_bars(symbol: str, frame: pl.DataFrame) -> pl.DataFrame:
    """Return the schema's columns of `frame`, in order, or raise BadBarsError.

    Half-spreads are kept where there are any; other extra columns are dropped. The error names
    `symbol`, the date of the first row that breaks a rule, and the most basic rule that this row
    breaks.
    """
    schema = find_schema(frame)
    for name, dtype in schema.items():
        if name not in frame.columns:
            raise BadBarsError(f"{symbol}: bars have no column '{name}'.")
        if frame.schema[name] != dtype:
            found = frame.schema[name]
            raise BadBarsError(f"{symbol}: column '{name}' is {found}, and must be {dtype}.")
    if frame.is_empty():
        raise BadBarsError(f"{symbol}: there is no data, not one bar.")
    bars = frame if frame.columns == list(schema) else frame.select(*schema)
    broken = _find_broken_rows(bars)
    rows = np.array([mask.argmax() if mask.any() else bars.height for mask in broken.values()])
    if rows.min() < bars.height:
        row, rule = int(rows.min()), list(broken)[rows.argmin()]  # of equals, the first rule
        day = bars["date"][row] or f"row {row}"
        prices = ", ".join(f"{name} {bars[name][row]}" for name in PRICES)
        shown = f" ({prices})" if "low" in rule or "positive" in rule else ""
        if rule == _NO_SPREAD:
            shown = f" ({bars[HALF_SPREAD][row]})"
        way_out = _WITHOUT_SPREAD if rule.startswith(HALF_SPREAD) else ""
        raise BadBarsError(f"{symbol}: bad bar on {day}: {rule}{shown}.{way_out}")
    return bars


def data_version(frame: pl.DataFrame) -> str:
    """Return 32 hex digits that are equal if and only if two bars frames are.

    The first half of the SHA-256 over a header with the number of rows, then the columns in
    the order of the schema, each one block of little-endian values: days since 1970-01-01 as
    int32, numbers as float64, -0.0 as 0.0. Half-spreads are the last column where there are any.
    Chunks, extra columns and the machine do not matter.
    `frame` must have passed `validate_bars`.
    """
    names = _NAMES_WITH_SPREAD if HALF_SPREAD in frame.columns else _NAMES
    header = f"bars 1 {frame.height} {' '.join(names)}\n".encode()
    date, *numbers = frame.select(names) if frame.columns != names else frame
    days = date.to_numpy().astype("datetime64[D]").view(np.int64)
    blocks = [np.frombuffer(header, np.uint8), days.astype("<i4").view(np.uint8)]
    for column in numbers:
        values = column.to_numpy().astype("<f8", copy=False)
        # Of valid bars nothing else can be zero, and so have two zeros.
        blocks.append((values + 0.0 if column.name in _CAN_BE_ZERO else values).view(np.uint8))
    # In one piece: hashing lets go of the interpreter's lock, and takes it back for each.
    digest = hashlib.sha256(np.concatenate(blocks).data)
    return digest.hexdigest()[:32]
