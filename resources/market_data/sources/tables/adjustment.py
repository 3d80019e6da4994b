"""What the prices of a file are adjusted for, and the factor of each bar that follows.

Of several columns that say it, the first of this list counts: `adjustment`, the adjusted close,
splits and dividends. A file that has adjusted prices alone gives those, with factor 1.
"""

from collections.abc import Container, Mapping

import polars as pl

from resources.market_data.bars import PRICES

AS_TRADED = "as traded: no adjustment found"


def find_needed(found: Container[str]) -> list[str]:
    """Return which of the columns that were found bars are made of, the date among them."""
    raw = [name for name in PRICES if name in found]
    adjusted = [f"adjusted_{name}" for name in PRICES]
    missing = [f"adjusted_{name}" for name in PRICES if name not in found]
    if "adjustment" in found:
        factor = ["adjustment"]
    elif "adjusted_close" in found and "close" in found:
        factor = ["adjusted_close"]
    elif missing and all(name in found for name in adjusted):
        return ["date", *adjusted]
    else:
        factor, missing = [name for name in ("split", "dividend") if name in found], []
    return ["date", *raw, *factor, *(name for name in missing if name in found)]


def unadjust(
    columns: Mapping[str, pl.Series], names: Mapping[str, str]
) -> tuple[dict[str, pl.Series], pl.Series | None, str]:
    """Return raw prices, their factor and its basis; the factor is None if no column has it.

    `columns` has Float64 columns by `open`, `adjusted_open`, `adjustment` and so on, `names` the
    file's names of them. A raw price that is not there is its adjusted one / factor. Prices that
    cannot be known are left out.
    """
    raw = {name: columns[name] for name in PRICES if name in columns}
    factor, basis = None, AS_TRADED
    if "adjustment" in columns:
        factor, basis = columns["adjustment"], f"adjusted by column '{names['adjustment']}'"
    elif "adjusted_close" in columns and "close" in raw:
        factor = columns["adjusted_close"] / raw["close"]
        basis = f"adjusted by column '{names['adjusted_close']}'"
    if factor is not None:
        for name in PRICES:
            if name not in raw and f"adjusted_{name}" in columns:
                raw[name] = columns[f"adjusted_{name}"] / factor
    elif not raw and all(f"adjusted_{name}" in columns for name in PRICES):
        raw = {name: columns[f"adjusted_{name}"] for name in PRICES}
        ones = pl.repeat(1.0, len(raw["close"]), eager=True)
        return raw, ones, "already adjusted: no other prices found"
    return raw, factor, basis
