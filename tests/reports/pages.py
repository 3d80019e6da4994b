"""The pages of a report as a reader has them: tables read from the HTML."""

import csv
import io
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from bs4 import BeautifulSoup, Tag


@dataclass(frozen=True)
class Shown:
    """A cell: its text, the small print after it, and the stored value beside it.

    `value` is "" where it is undefined, and None in columns that have no numbers and in tables that
    have the stored values only in their CSV.
    """

    text: str
    note: str
    value: str | None


@dataclass(frozen=True)
class Site:
    """A report in a folder."""

    folder: Path

    def page(self, path: str) -> "PageFile":
        """Return a page of it."""
        return PageFile.of((self.folder / path).read_text())

    def csv(self, path: str, first: str) -> dict[str, dict[str, str]]:
        """Return the rows of a CSV file as text, by that column."""
        rows = csv.DictReader(io.StringIO(self.files[path].decode()))
        return {row[first]: row for row in rows}

    @cached_property
    def files(self) -> dict[str, bytes]:
        """All files by their path in the folder."""
        paths = (one for one in self.folder.rglob("*") if one.is_file())
        return {one.relative_to(self.folder).as_posix(): one.read_bytes() for one in sorted(paths)}


@dataclass(frozen=True)
class PageFile:
    """A page."""

    root: BeautifulSoup

    @classmethod
    def of(cls, html: str) -> "PageFile":
        """Return a page from its HTML, or a part of it."""
        return cls(BeautifulSoup(html, "lxml"))

    @property
    def text(self) -> str:
        """All words in its main part, with single spaces."""
        (main,) = self.root.select("main")
        return " ".join(main.get_text(" ").split())

    @property
    def facts(self) -> dict[str, str]:
        """What stands on every page: names and values."""
        names, values = (self.root.select(f"dl.facts {kind}") for kind in ("dt", "dd"))
        return {a.text: b.text for a, b in zip(names, values, strict=True)}

    def table(self, caption: str) -> dict[str, dict[str, Shown]]:
        """Return the cells of a table by the first cell of the row and the column's heading."""
        rows = self.rows(caption)
        heads = list(rows[0])
        found = {row[heads[0]].text: row for row in rows}
        assert len(found) == len(rows), "two rows begin alike"
        return found

    def rows(self, caption: str) -> list[dict[str, Shown]]:
        """Return the rows of a table in their order, its footer last."""
        captions = self.root.select("table > caption")
        (table,) = [one.parent for one in captions if one.text == caption and one.parent]
        heads = [one.text for one in table.select("thead th")]
        rows = [one.select("th, td") for one in table.select("tbody tr, tfoot tr")]
        return [dict(zip(heads, map(_read, cells), strict=True)) for cells in rows]


def _read(cell: Tag) -> Shown:
    note = " ".join(one.text for one in cell.select("small"))
    value = cell.get("data-v")
    return Shown(cell.text.removesuffix(note).strip(), note, None if value is None else str(value))
