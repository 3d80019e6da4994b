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

    Parameters
    ----------
    footer
        Rows that stay at the end however the others are sorted: what they are compared with.
    compact
        For long tables of plain values on many pages: all cells are aligned to the right and have
        nothing but their text, by which they are sorted, nor end tags, which HTML does not need.
        Their CSV has the stored values.
    """

    caption: str
    columns: Sequence[Column]
    rows: Sequence[Sequence[Any]]
    footer: Sequence[Sequence[Any]] = field(default=())
    compact: bool = False

    def render(self) -> Markup:
        """Return the HTML."""
        label = escape(self.caption)
        heads = "".join(_render_head(column) for column in self.columns)
        body = "".join(self._render_row(row) for row in self.rows)
        foot = "".join(self._render_row(row) for row in self.footer)
        kind = "sortable compact" if self.compact else "sortable"
        return Markup(  # noqa: S704 - every value is escaped
            f'<div class="scroll" role="region" aria-label="{label}" tabindex="0">'
            f'<table class="{kind}"><caption>{label}</caption><thead><tr>{heads}</tr></thead>'
            f"<tbody>{body}</tbody>{f'<tfoot>{foot}</tfoot>' if foot else ''}</table></div>"
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

    def _render_row(self, row: Sequence[Any]) -> str:
        if self.compact:
            texts = [one.show(value) for one, value in zip(self.columns, row, strict=True)]
            # Escaped together: these are most of the cells of a report.
            joined = html.escape("\n".join(texts), quote=False).replace("\n", "<td>")
            return f'<tr><th scope="row">{joined}'
        pairs = zip(self.columns, map(_as_cell, row), strict=True)
        cells = (_render_cell(column, cell, first=not n) for n, (column, cell) in enumerate(pairs))
        return f"<tr>{''.join(cells)}</tr>"

    def _render_meanings(self) -> str:
        said = [(one.heading, one.meaning) for one in self.columns if one.meaning]
        if not said:
            return ""
        listed = "".join(f"<dt>{escape(name)}</dt><dd>{escape(text)}</dd>" for name, text in said)
        return f"<details><summary>What the columns mean</summary><dl>{listed}</dl></details>"


def _as_cell(value: Any) -> Cell:
    return value if isinstance(value, Cell) else Cell(value)


def _render_head(column: Column) -> str:
    kind = ' class="number"' if column.numeric else ""
    return f'<th scope="col"{kind}>{escape(column.heading)}</th>'


def _render_cell(column: Column, cell: Cell, *, first: bool) -> str:
    text = str(escape(column.show(cell.value)))
    if cell.href:
        text = f'<a href="{escape(cell.href)}">{text}</a>'
    if cell.note:
        text = f"{text} <small>{escape(cell.note)}</small>"
    attributes = f' class="{cell.kind}"' if cell.kind else ""
    if column.numeric:
        attributes += f' data-v="{escape(_plain(cell.value))}"'
    return f'<th scope="row"{attributes}>{text}</th>' if first else f"<td{attributes}>{text}</td>"


def _plain(value: Any) -> str:
    """Return a value so that reading it gives the same again; "" for none."""
    if is_undefined(value):
        return ""
    if isinstance(value, datetime | date):
        return value.isoformat()
    return repr(value) if isinstance(value, float) else str(value)
