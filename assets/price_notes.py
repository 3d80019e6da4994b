"""What sources noted about the prices of a run, for its log: a line per fact, not per symbol."""

from collections import defaultdict
from collections.abc import Mapping

from resources.market_data.source import SourceNotes

_MOST_NAMED = 5  # symbols per line
WIDE_SPREAD = 0.01
"""Of the price: half-spreads whose median is above it may be in percent or basis points."""


def describe_notes(notes: Mapping[str, SourceNotes]) -> list[str]:
    """Return one line per fact that sources noted, with the number of its symbols."""
    bases: defaultdict[str, list[str]] = defaultdict(list)
    for symbol, note in notes.items():
        if note.basis:
            bases[note.basis].append(symbol)
    lines = [f"{_name_symbols(symbols)}: {basis}" for basis, symbols in bases.items()]
    repaired = {symbol: note.repaired for symbol, note in notes.items() if note.repaired}
    if repaired:
        lines.append(
            f"{sum(repaired.values())} bars of {_name_symbols(list(repaired))} had a high or low "
            "that was off by rounding: widened to contain open and close"
        )
    dropped = {symbol: note.dropped for symbol, note in notes.items() if note.dropped}
    if dropped:
        lines.append(
            f"{sum(dropped.values())} rows of {_name_symbols(list(dropped))} had no price: left out"
        )
    padding = {symbol: note.padding for symbol, note in notes.items() if note.padding}
    if padding:
        lines.append(
            f"{sum(padding.values())} bars of {_name_symbols(list(padding))} only filled days on "
            "which the exchange was closed: left out"
        )
    if silent := [symbol for symbol, note in notes.items() if not note.has_volume]:
        lines.append(f"{_name_symbols(silent)}: no volume, and so no rules of volume")
    return lines


def describe_wide_spreads(medians: Mapping[str, float]) -> str:
    """Return which symbols have a median half-spread above `WIDE_SPREAD`; "" if none has.

    Parameters
    ----------
    medians
        By symbol, fractions of the price.
    """
    wide = {symbol: median for symbol, median in medians.items() if median > WIDE_SPREAD}
    if not wide:
        return ""
    widest = max(wide, key=wide.__getitem__)
    return (
        f"{_name_symbols(list(wide))}: median half_spread above {WIDE_SPREAD:.0%} of the price, "
        f"the largest {wide[widest]:.4g} ({100 * wide[widest]:.4g} %) of {widest}: is it in "
        "percent or basis points? It is read as a fraction: 0.0005 is 0.05 %"
    )


def _name_symbols(symbols: list[str]) -> str:
    """Return how many symbols there are, and the first of them."""
    shown = ", ".join(symbols[:_MOST_NAMED]) + ", ..." * (len(symbols) > _MOST_NAMED)
    return f"{len(symbols)} symbol{'s' * (len(symbols) > 1)} ({shown})"
