"""Comparison of the rows that the store returns with the rows that were saved."""

import polars as pl

from research.natural_key import canonical_text
from resources.result_store.frame_schemas import JSON_COLUMNS

# Who saved a row last: another run may save the same result between a save and its reading back.
_SAVED_BY = frozenset({"run_id", "part", "gauntlet_version"})
_PLACE = "place"


def select_unchanged(produced: pl.DataFrame, stored: pl.DataFrame) -> pl.DataFrame:
    """Return the rows of `produced`, as they are, that the store holds unchanged.

    Whoever saved them last.

    Parameters
    ----------
    produced, stored
        Frames with `frame_schemas.RESULTS_SCHEMA` and `STORED_SCHEMA`; JSON is compared by
        meaning, all else to the bit, NULL being equal to NULL. A row whose trades are not all
        stored is not unchanged.
    """
    complete = stored.filter(stored["total_trades"] == stored["stored_trades"])
    # A row read back is the row produced when it joins with it on every column.
    columns = [name for name in produced.columns if name not in _SAVED_BY]
    compared = _normalize(produced).with_row_index(_PLACE)
    same = compared.join(_normalize(complete), on=columns, how="semi", nulls_equal=True)
    # Normalized rows are only to compare: their floats are bits, and their JSON is respelled.
    return produced[same[_PLACE].sort()]


def _normalize(rows: pl.DataFrame) -> pl.DataFrame:
    """Return the rows in one spelling."""
    texts = [
        pl.Series(name, map(canonical_text, rows[name]), dtype=pl.String) for name in JSON_COLUMNS
    ]
    # As numbers, 0.0 and -0.0 would join.
    return rows.with_columns(*texts, pl.col(pl.Float64).reinterpret(dtype=pl.Int64))
