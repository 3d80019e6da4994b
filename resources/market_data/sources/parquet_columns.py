"""The columns of bars in a Parquet file. What polars raises, and worse, happens here."""

import io
from collections.abc import Mapping

import polars as pl
import polars.selectors as cs

from resources.market_data.sources.tables.columns import ColumnNames
from resources.market_data.sources.tables.table import RefusedContentError

MOST_TEXT = 256
"""Bytes of a date, a number or a symbol; Parquet may store a million equal ones as one."""


def select_columns(
    content: bytes, columns: Mapping[str, str], symbol: str
) -> tuple[pl.DataFrame, list[str]]:
    """Return the columns that may be of use, by position, and their names; others are not unpacked.

    Raises RefusedContentError, and what polars raises.
    """
    schema = pl.read_parquet_schema(io.BytesIO(content))
    names, known = list(schema), ColumnNames(columns)
    found = {position for at in known.find(names, symbol).values() for position in at}
    wanted = [name for i, name in enumerate(names) if i in found or known.is_index(name)]
    for name in wanted:
        if schema[name].is_nested():
            raise RefusedContentError(f"its column '{name[:40]}' is of lists; allowed: one value")
    cells = pl.read_parquet(io.BytesIO(content), columns=wanted)
    cells = cells.with_columns(cs.by_dtype(pl.Categorical, pl.Enum).cast(pl.String))
    _refuse_long_texts(cells)
    cells.columns = [str(position) for position in range(cells.width)]
    return cells, wanted


def _refuse_long_texts(cells: pl.DataFrame) -> None:
    """Refuse what is small only as long as equal texts are stored once."""
    texts = cells.select(cs.string().str.len_bytes().max(), cs.binary().bin.size().max())
    for name, longest in texts.to_dict(as_series=False).items():
        if longest[0] is not None and longest[0] > MOST_TEXT:
            raise RefusedContentError(
                f"its column '{name[:40]}' has a text of {longest[0]:,} bytes; allowed: {MOST_TEXT}"
            )
