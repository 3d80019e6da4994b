"""Splits and dividends that a file states, as one factor per bar."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from resources.market_data.sources.tables.columns import simplify
from resources.market_data.sources.tables.table import RefusedTableError, refuse_first

_LARGE = np.log(1.99)  # splits of 2 for 1 and more: no session moves a price so far by itself
_OF_YFINANCE = ["stocksplits", "dividends"]
_EVIDENCE = 2.0  # how many usual overnight moves one reading must be nearer than the other
_RATIO = r"^(\d+(?:\.\d+)?)\s*(?::|/|-?\s*for\s*-?)\s*(\d+(?:\.\d+)?)$"


@dataclass(frozen=True, slots=True)
class Actions:
    """Splits and dividends of a file, oldest first, and the names of their columns.

    `splits` has shares per earlier share, `dividends` an amount per share; both (n,), without NaN,
    1.0 and 0.0 where there is none; None where the file has no such column.
    """

    splits: np.ndarray | None = None
    dividends: np.ndarray | None = None
    split_name: str = ""
    dividend_name: str = ""


def read_splits(column: pl.Series) -> pl.Series:
    """Return new shares per old share, from 4, "4.0", "4:1" or "4-for-1"; 1.0 for none.

    Empty, 0 and 1 mean none. Raises RefusedTableError for a cell that is no split.
    """
    if column.dtype.is_numeric():
        splits = column.cast(pl.Float64).fill_nan(None)
    else:
        text = column.cast(pl.String).str.strip_chars().str.to_lowercase()
        parts = text.str.extract_groups(_RATIO).struct.unnest().cast(pl.Float64)
        splits = text.cast(pl.Float64, strict=False).fill_nan(None)
        splits = splits.fill_null(parts.to_series(0) / parts.to_series(1))
        empty = text.is_null() | text.is_in(["", "-", "nan", "null", "none", "n/a"])
        refuse_first("split", text, ~empty & splits.is_null(), None, "a split like 4.0 or 4:1")
    splits = splits.fill_null(1.0)
    return splits.set(splits == 0.0, 1.0)


def refuse_lost_actions(numbers: Mapping[str, pl.Series], kept: pl.Series) -> None:
    """Raise RefusedTableError for a split or dividend in a row that is not kept."""
    for name, none in (("split", 1.0), ("dividend", 0.0)):
        if name in numbers:
            lost = ~kept & (numbers[name].fill_null(none) != none)
            refuse_first(name, numbers[name], lost, None, "in a row with prices")


def derive_factor(
    opens: np.ndarray, close: np.ndarray, days: Sequence[object], actions: Actions
) -> tuple[np.ndarray, str]:
    """Return the factor of each bar, (n,), from later splits and dividends, and its basis.

    f[t] = f[t+1] * (1 - D[t+1] / close[t]) / S[t+1], as CRSP and Yahoo do; 1.0 for the last bar.
    Splits without a jump in the prices are in them already; so are the dividends of yfinance's
    history, which has "Dividends" and "Stock Splits" beside adjusted prices. A bar before one
    whose close is missing has NaN. Raises RefusedTableError where some splits left a jump and
    others none, and for dividends that are negative or more than the price.
    """
    ones = np.ones(len(close))
    splits = ones if actions.splits is None else actions.splits
    dividends = ones * 0.0 if actions.dividends is None else actions.dividends
    names = [name for name in (actions.split_name, actions.dividend_name) if name]
    basis = f"adjusted by column{'s' * (len(names) > 1)} " + " and ".join(f"'{n}'" for n in names)
    in_prices = _are_splits_in_prices(opens, close, days, splits, actions.split_name)
    of_yfinance = [simplify(name) for name in names] == _OF_YFINANCE
    if of_yfinance and in_prices is not False:
        return ones, _describe_adjusted(actions, in_prices)
    if in_prices:
        if np.any(dividends[: int(np.flatnonzero(splits != 1.0).max())] != 0.0):
            raise RefusedTableError(
                f"its '{actions.split_name}' left no jump in the prices, which are adjusted for "
                f"them; whether '{actions.dividend_name}' is adjusted, too, is not known; allowed: "
                "prices as traded, or an adjusted close."
            )
        basis = f"already adjusted: its '{actions.split_name}' left no jump"
        if not np.any(dividends != 0.0):
            return ones, basis
        splits, basis = ones, f"{basis}; adjusted by column '{actions.dividend_name}'"
    with np.errstate(divide="ignore", invalid="ignore"):
        share = 1.0 - np.where(dividends[1:] == 0.0, 0.0, dividends[1:] / close[:-1])
    wrong = np.flatnonzero((share <= 0.0) | (dividends[1:] < 0.0)) + 1
    if len(wrong):
        raise RefusedTableError(
            f"its '{actions.dividend_name}' of {dividends[wrong[0]]} on {days[wrong[0]]} is "
            "negative or more than the price before it."
        )
    steps = share / splits[1:]
    return np.append(np.cumprod(steps[::-1])[::-1], 1.0), basis


def _describe_adjusted(actions: Actions, in_prices: bool | None) -> str:
    if in_prices:
        return f"already adjusted: its '{actions.split_name}' left no jump"
    return (
        f"already adjusted: '{actions.dividend_name}' and '{actions.split_name}' without an "
        "adjusted close, as yfinance writes adjusted prices"
    )


def _are_splits_in_prices(
    opens: np.ndarray, close: np.ndarray, days: Sequence[object], splits: np.ndarray, name: str
) -> bool | None:
    """Return whether prices are adjusted for the splits already; None if there are no splits.

    A split of S moves a price as traded by 1 / S overnight; of all splits together, the nearer of
    the two readings is believed.
    """
    at = np.flatnonzero(splits[1:] != 1.0) + 1
    with np.errstate(divide="ignore", invalid="ignore"):
        moves, sizes = np.log(opens[at] / close[at - 1]), np.log(splits[at])
    known = np.isfinite(moves) & np.isfinite(sizes)
    at, moves, sizes = at[known], moves[known], sizes[known]
    if not len(at):
        return None
    traded, adjusted = np.abs(moves + sizes), np.abs(moves)
    inverse = np.abs(moves - sizes)
    large = np.abs(sizes) > _LARGE
    inverted = at[large & (inverse < adjusted) & (inverse < traded)]
    if len(inverted):
        row = int(inverted[0])
        raise RefusedTableError(
            f"its '{name}' of {splits[row]:g} on {days[row]} is upside down: the price moved by a "
            f"factor of {opens[row] / close[row - 1]:.3g}; allowed: new shares per old share."
        )
    jumped, smooth = at[large & (traded < adjusted)], at[large & (traded >= adjusted)]
    if len(jumped) and len(smooth):
        first, second = days[int(jumped[0])], days[int(smooth[0])]
        raise RefusedTableError(
            f"its '{name}' of {first} left a jump in the prices, that of {second} none; allowed: "
            "prices that are all as traded, or all adjusted."
        )
    difference = adjusted.sum() - traded.sum()
    if abs(difference) <= _EVIDENCE * _find_usual_move(opens, close, splits):
        raise RefusedTableError(
            f"its '{name}' of {days[at[0]]} may be in the prices already or not: they moved by a "
            f"factor of {np.exp(moves[0]):.4g}; allowed: an adjusted close, or no such column."
        )
    return bool(difference < 0.0)


def _find_usual_move(opens: np.ndarray, close: np.ndarray, splits: np.ndarray) -> float:
    """Return the median of the moves overnight without a split, as a logarithm."""
    without = np.flatnonzero(splits[1:] == 1.0) + 1
    with np.errstate(divide="ignore", invalid="ignore"):
        moves = np.abs(np.log(opens[without] / close[without - 1]))
    moves = moves[np.isfinite(moves)]
    return float(np.median(moves)) if len(moves) else 0.0
