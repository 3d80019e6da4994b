"""Tables of a report: sortable, with the stored value of each cell beside the rounded one."""

import csv
import html
import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

from markupsafe import Markup, escape

from reports.numbers import is_undefined, show_text

_CELL_END, _ROW_END = "\x1f", "\x1e"
"""The separators of ASCII, which no text has."""


@dataclass(frozen=True)
class Column:
    """A column: its heading, how its values are shown, and what they mean.

    Parameters
    ----------
    heading
        As people read it.
    show
        From a value to its text.
    meaning
        A sentence below the table's heading; "" for none.
    numeric
        Whether values are numbers: aligned to the right, sorted from the highest.
    """

    heading: str
    show: Callable[[Any], str] = show_text
    meaning: str = ""
    numeric: bool = False


@dataclass(frozen=True)
class Cell:
    """A value that is more than its text.

    Parameters
    ----------
    value
        What the column shows, and sorts by.
    href
        Where it leads, made by `reports.page.link_to`; "" for nowhere.
    kind
        How it looks, a class of the style sheet: ``good``, ``bad``, ``thin`` or "". Never alone:
        `note` or the text says the same.
    note
        Text after the value, in small print.
    """

    value: Any
    href: str = ""
    kind: str = ""
    note: str = ""


@dataclass(frozen=True)
class Table:
    """A table of plain values or `Cell`; the first cell of a row is its heading.

    End tags and ``scope`` are left out, as HTML allows, and the script adds what only the keyboard
    and screen readers need: cells are most of a report.

    Parameters
    ----------
    footer
        Rows that stay at the end however the others are sorted: what they are compared with.
    compact
        For tables of many pages, or of many rows: all but the first column are aligned to the
        right, and cells have nothing but what is seen, by which they are sorted. The stored values
        are in the CSV beside the page.
    """

    caption: str
    columns: Sequence[Column]
    rows: Sequence[Sequence[Any]]
    footer: Sequence[Sequence[Any]] = field(default=())
    compact: bool = False

    def render(self) -> Markup:
        """Return the HTML."""
        heads = "".join(map(self._render_head, self.columns))
        body, foot = self._render_rows(self.rows), self._render_rows(self.footer)
        kind = ' class="compact"' if self.compact else ""
        return Markup(  # noqa: S704 - every value is escaped
            f'<div class="scroll"><table{kind}><caption>{escape(self.caption)}</caption>'
            f"<thead><tr>{heads}<tbody>{body}{f'<tfoot>{foot}' if foot else ''}</table></div>"
            f"{self._render_meanings()}"
        )

    def to_csv(self) -> bytes:
        """Return the values, not rounded, as CSV; undefined ones are empty."""
        content = io.StringIO()
        writer = csv.writer(content, lineterminator="\n")
        writer.writerow(column.heading for column in self.columns)
        for row in (*self.rows, *self.footer):
            writer.writerow(_plain(_as_cell(one).value) for one in row)
        return content.getvalue().encode()

    def _render_head(self, column: Column) -> str:
        kind = ' class="number"' if column.numeric and not self.compact else ""
        return f"<th{kind}>{escape(column.heading)}"

    def _render_rows(self, rows: Sequence[Sequence[Any]]) -> str:
        columns = [*zip(*rows, strict=True)]
        if not rows or not self.compact or any(Cell in set(map(type, one)) for one in columns):
            return "".join(map(self._render_row, rows))
        # Column by column, and escaped together: these are most of the cells of a report.
        texts = [
            [*map(one.show, values)] for one, values in zip(self.columns, columns, strict=True)
        ]
        joined = _ROW_END.join(map(_CELL_END.join, zip(*texts, strict=True)))
        escaped = html.escape(joined, quote=False)
        return f"<tr><th>{escaped}".replace(_CELL_END, "<td>").replace(_ROW_END, "<tr><th>")

    def _render_row(self, row: Sequence[Any]) -> str:
        pairs = zip(self.columns, map(_as_cell, row), strict=True)
        cells = (self._render_cell(*pair, "td" if n else "th") for n, pair in enumerate(pairs))
        return f"<tr>{''.join(cells)}"

    def _render_cell(self, column: Column, cell: Cell, tag: str) -> str:
        text = str(escape(column.show(cell.value)))
        if cell.href:
            text = f'<a href="{escape(cell.href)}">{text}</a>'
        if cell.note:
            text = f"{text} <small>{escape(cell.note)}</small>"
        attributes = f' class="{cell.kind}"' if cell.kind else ""
        if column.numeric and not self.compact:
            attributes += f' data-v="{escape(_plain(cell.value))}"'
        return f"<{tag}{attributes}>{text}"

    def _render_meanings(self) -> str:
        said = [(one.heading, one.meaning) for one in self.columns if one.meaning]
        if not said:
            return ""
        listed = "".join(f"<dt>{escape(name)}</dt><dd>{escape(text)}</dd>" for name, text in said)
        return f"<details><summary>What the columns mean</summary><dl>{listed}</dl></details>"


def _as_cell(value: Any) -> Cell:
    return value if isinstance(value, Cell) else Cell(value)


def _plain(value: Any) -> str:
    """Return a value so that reading it gives the same again; "" for none."""
    if is_undefined(value):
        return ""
    if isinstance(value, datetime | date):
        return value.isoformat()
    return repr(value) if isinstance(value, float) else str(value)
