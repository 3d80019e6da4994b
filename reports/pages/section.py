"""A part of a long page, with a heading that its list of contents leads to."""

from typing import NamedTuple

from markupsafe import Markup


class Section(NamedTuple):
    """A heading, its name in addresses, and HTML that is escaped already."""

    name: str
    heading: str
    html: Markup


def join(*parts: str) -> Markup:
    """Return HTML one after the other: figures, tables, and what `paragraph` makes."""
    return Markup("\n".join(parts))  # noqa: S704 - what is put together is escaped


def paragraph(text: str, kind: str = "") -> Markup:
    """Return a paragraph of plain text."""
    opened = Markup('<p class="{}">').format(kind) if kind else Markup("<p>")
    return opened + text + Markup("</p>")
