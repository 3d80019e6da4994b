"""Pages that reports before have drawn: taken if they show the same, and are what was written."""

import json
import os
from collections.abc import Collection
from dataclasses import replace
from pathlib import Path

import pytest

from reports.digests import digest
from reports.errors import ReportError
from reports.folder import ReportFolder
from reports.inputs.heading import Heading
from reports.page import Details, Page, link_to
from reports.site import write_site
from tests.reports.pages import Site

A, B = "symbols/A/rsi.html", "symbols/B/rsi.html"
CSV = "symbols/A/rsi.trades.csv"
START = Page("start.html", "Start", f'<a href="{link_to(A)}">A</a><a href="{link_to(B)}">B</a>')
HEADING = Heading("made up", {"Run": "0123456789"}, ())


class Pages:
    """Two pages whose numbers may change; they note when they are drawn."""

    def __init__(self, **numbers: int) -> None:
        self.numbers = {A: 1, B: 1, **numbers}
        self.drawn: list[str] = []
        self.complete = True

    def draw(self, paths: Collection[str]) -> list[Page]:
        self.drawn += paths
        return [self._draw(one) for one in paths]

    def _draw(self, path: str) -> Page:
        files = {CSV: b"trades"} if path == A else {}
        link = f'<a href="{link_to(B if path == A else "start.html")}">other</a>'
        body = f"<p>{self.numbers[path]}</p>{link}"
        return Page(path, "A page", body, files, short=True, complete=self.complete)


def write(root: Path, run: str, pages: Pages, heading: Heading = HEADING) -> Site:
    """Write a report of a run; `pages.drawn` are those that were drawn for it."""
    pages.drawn.clear()
    shown = {path: digest(number) for path, number in pages.numbers.items()}
    details = Details(shown, pages.draw)
    write_site(ReportFolder(str(root), run), heading, [START], [details])
    return Site(root / run)


def is_shared(first: Site, second: Site, path: str) -> bool:
    return (first.folder / path).samefile(second.folder / path)


def test_a_page_that_shows_the_same_is_not_drawn_again(tmp_path: Path):
    pages = Pages()
    first = write(tmp_path, "one", pages)
    assert pages.drawn == [A, B]
    other = replace(HEADING, facts={"Run": "9876543210"})
    second = write(tmp_path, "two", pages, other)
    assert not pages.drawn
    assert all(is_shared(first, second, path) for path in (A, B, CSV))
    # It is what it would be without the other one.
    assert write(tmp_path / "apart", "two", pages, other).files == second.files
    assert second.files["index.html"] != first.files["index.html"]


def test_only_what_shows_something_else_is_drawn(tmp_path: Path):
    pages = Pages()
    first = write(tmp_path, "one", pages)
    pages.numbers[B] = 2
    second = write(tmp_path, "two", pages)
    assert pages.drawn == [B]
    assert (b"<p>1</p>" in first.files[B], b"<p>2</p>" in second.files[B]) == (True, True)
    write(tmp_path, "three", pages, replace(HEADING, line="another window"))
    assert pages.drawn == [A, B], "the line is on each of them"


@pytest.mark.parametrize("path", [A, CSV])
@pytest.mark.parametrize("content", [b"", b"half of i", None])
def test_a_damaged_page_is_drawn_again(tmp_path: Path, path: str, content: bytes | None):
    pages = Pages()
    before = write(tmp_path, "one", pages).files
    damaged = tmp_path / "one" / path
    damaged.unlink() if content is None else damaged.write_bytes(content)
    second = write(tmp_path, "two", pages)
    assert pages.drawn == [A]
    assert second.files == before
    assert write(tmp_path, "one", pages).files == before, "the whole one is taken from the other"
    assert not pages.drawn


@pytest.mark.parametrize(
    "content",
    ["", "[]", "{", '{"symbols/A/rsi.html": 5}', '{"symbols/A/rsi.html": ["a", "b", ["x"]]}'],
)
def test_a_damaged_manifest_is_of_no_page(tmp_path: Path, content: str):
    pages = Pages()
    before = write(tmp_path, "one", pages).files
    (tmp_path / "one" / "pages.json").write_text(content)
    assert write(tmp_path, "two", pages).files == before
    assert pages.drawn == [A, B]


def test_a_manifest_does_not_lead_out_of_its_report(tmp_path: Path):
    (tmp_path / "secret").write_text("sesame")
    pages = Pages()
    write(tmp_path, "one", pages)
    manifest = tmp_path / "one" / "pages.json"
    found = json.loads(manifest.read_text())
    found[A][2].append("../secret")
    manifest.write_text(json.dumps(found))
    assert "sesame" not in str(write(tmp_path, "two", pages).files)
    assert pages.drawn == [A]


def test_a_page_that_lacks_something_is_drawn_again(tmp_path: Path):
    pages = Pages()
    pages.complete = False
    write(tmp_path, "one", pages)
    pages.complete = True
    write(tmp_path, "two", pages)
    assert pages.drawn == [A, B]


def test_without_links_pages_are_copied(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    def refuse(*_: object, **__: object) -> None:
        raise PermissionError

    pages = Pages()
    first = write(tmp_path, "one", pages)
    monkeypatch.setattr(os, "link", refuse)
    second = write(tmp_path, "two", pages)
    assert not pages.drawn
    assert second.files == first.files
    assert not is_shared(first, second, A)


def test_a_report_outlives_those_it_has_pages_of(tmp_path: Path):
    pages = Pages()
    before = write(tmp_path, "one", pages).files
    second = write(tmp_path, "two", pages)
    ReportFolder(str(tmp_path), "one").delete()
    assert Site(second.folder).files == before
    write(tmp_path, "two", pages)
    assert not pages.drawn, "a report that is written again has its own pages"


def test_links_of_a_page_that_is_not_drawn_lead_somewhere(tmp_path: Path):
    pages = Pages()
    write(tmp_path, "one", pages)
    start = replace(START, body=f'<a href="{link_to(A)}">A</a>')
    alone = Details({A: digest(1)}, pages.draw)
    pages.drawn.clear()
    with pytest.raises(ReportError, match=r"A/rsi.html leads to symbols/B/rsi.html, which is not"):
        write_site(ReportFolder(str(tmp_path), "two"), HEADING, [start], [alone])
    assert not pages.drawn
