"""A price file as cells, and the errors of one that is not read."""

from collections.abc import Sequence
from dataclasses import dataclass

import polars as pl

from strategies.errors import GauntletError

_MOST_SHOWN = 160


class RefusedContentError(GauntletError):
    """The content of a file is not read: too large, compressed, or not text."""


class RefusedTableError(GauntletError):
    """The cells of a file are not bars, or could be read in two ways; the text says which."""


@dataclass(frozen=True, slots=True)
class Table:
    """The cells of a file, before anything is known of them.

    Attributes
    ----------
        cells: one column per column of the file, named by its position ("0", "1", ...), because
            the names of a file need not be unique.
        names: the file's names of these columns, "" where there is none.
        separator: what is between the cells of a line; "" for Parquet.
        date: the position of the dates, where the header says so on a line of its own.
        has_header: False where columns were told apart by what they hold.
    """

    cells: pl.DataFrame
    names: tuple[str, ...]
    separator: str = ""
    date: int | None = None
    has_header: bool = True

    def column(self, position: int) -> pl.Series:
        """Return the cells of one column."""
        return self.cells.to_series(position)

    def describe(self) -> str:
        """Return what was found, in one line of bounded length, for errors."""
        first = self.cells.row(0) if self.cells.height else ()
        separator = f"separator {self.separator!r}, " if self.separator else ""
        names = _shorten(self.names) if self.has_header else "no names of columns"
        return f"Found: {separator}columns {names}; first row {_shorten(first)}."


def _shorten(cells: Sequence[object]) -> str:
    shown = ", ".join("" if cell is None else repr(str(cell)[:40])[1:-1] for cell in cells[:20])
    return f"[{shown if len(shown) <= _MOST_SHOWN else shown[:_MOST_SHOWN] + '...'}]"


def refuse_first(
    column: str, text: pl.Series, wrong: pl.Series, rows: pl.Series | None, what: str
) -> None:
    """Raise RefusedTableError for the first cell of `text` that is `wrong`, if there is one.

    `rows` are the row numbers in the file, where some rows were left out.
    """
    found = wrong.arg_true()
    if not len(found):
        return
    first = found[0]
    row = first + 1 if rows is None else rows[first]
    cell = str(text[first])[:40]
    raise RefusedTableError(f"{column} {cell!r} in row {row} is not {what}.")
