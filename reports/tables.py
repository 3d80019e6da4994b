"""Tables of a report: sortable, with the stored value of each cell beside the rounded one."""

import csv
import html
import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from functools import cache
from math import isfinite
from typing import Any

from markupsafe import Markup, escape

from reports.numbers import is_undefined, show_all, show_text

_CELL_END = "\x1f"
"""The separator of ASCII, which no text has."""


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
        columns = tuple(self.columns)
        heads = _render_heads(columns, self.compact)
        body, foot = self._render_rows(self.rows), self._render_rows(self.footer)
        kind = ' class="compact"' if self.compact else ""
        return Markup(  # noqa: S704 - every value is escaped
            f'<div class="scroll"><table{kind}><caption>{escape(self.caption)}</caption>'
            f"<thead><tr>{heads}<tbody>{body}{f'<tfoot>{foot}' if foot else ''}</table></div>"
            f"{_render_meanings(columns)}"
        )

    def to_csv(self) -> bytes:
        """Return the values, not rounded, as CSV; undefined ones are empty."""
        content = io.StringIO()
        writer = csv.writer(content, lineterminator="\n")
        writer.writerow(column.heading for column in self.columns)
        for row in (*self.rows, *self.footer):
            writer.writerow(_plain(_as_cell(one).value) for one in row)
        return content.getvalue().encode()

    def _render_rows(self, rows: Sequence[Sequence[Any]]) -> str:
        """Return rows, whose cells are made column by column: they are most of a report."""
        values = zip(*rows, strict=True)
        cells = [
            self._render_column(column, some, "td" if number else "th")
            for number, (column, some) in enumerate(zip(self.columns, values, strict=bool(rows)))
        ]
        return "".join(f"<tr>{''.join(row)}" for row in zip(*cells, strict=True))

    def _render_column(self, column: Column, values: Sequence[Any], tag: str) -> list[str]:
        if Cell in set(map(type, values)):
            return [self._render_cell(column, _as_cell(value), tag) for value in values]
        joined = html.escape(_CELL_END.join(show_all(column.show, values)), quote=False)
        texts = joined.split(_CELL_END)
        if column.numeric and not self.compact:
            stored = map(_plain, values)
            return [f'<{tag} data-v="{a}">{b}' for a, b in zip(stored, texts, strict=True)]
        return [f"<{tag}>{text}" for text in texts]

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


@cache
def _render_heads(columns: Sequence[Column], compact: bool) -> str:
    """Return the headings; thousands of tables have the same ones."""
    kinds = (' class="number"' if one.numeric and not compact else "" for one in columns)
    return "".join(
        f"<th{kind}>{escape(one.heading)}" for kind, one in zip(kinds, columns, strict=True)
    )


@cache
def _render_meanings(columns: Sequence[Column]) -> str:
    said = [(one.heading, one.meaning) for one in columns if one.meaning]
    if not said:
        return ""
    listed = "".join(f"<dt>{escape(name)}</dt><dd>{escape(text)}</dd>" for name, text in said)
    return f"<details><summary>What the columns mean</summary><dl>{listed}</dl></details>"


def _as_cell(value: Any) -> Cell:
    return value if isinstance(value, Cell) else Cell(value)


def _plain(value: Any) -> str:
    """Return a value so that reading it gives the same again; "" for none."""
    if type(value) is float and isfinite(value):  # most are
        return repr(value)
    if is_undefined(value):
        return ""
    return value.isoformat() if isinstance(value, datetime | date) else str(value)
