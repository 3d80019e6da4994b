"""The files of a report: whole or not at all, with links that lead somewhere."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from reports.errors import ReportError
from reports.folder import ReportFolder
from reports.html import render
from reports.inputs.heading import Heading
from reports.names import name_file
from reports.page import Details, Page, link_to
from reports.site import write_site
from reports.tables import Cell, Column, Table
from tests.reports.pages import Site

HEADING = Heading("made up", {"Run": "0123456789"}, ())
START = Page("start.html", "Start", f'<p><a href="{link_to("symbols/A/rsi.html")}">A</a></p>')
BACK = f'<a href="{link_to("start.html")}">back</a>'
SECOND = Page("second.html", "Second", BACK, {"a.csv": b"a"})
DETAIL = Page(
    "symbols/A/rsi.html",
    "A under rsi",
    f'<a href="{link_to("start.html")}">up</a> <a href="{link_to("a.csv")}">CSV</a>',
)


def write(root: Path, *details: Page) -> Site:
    groups = map(Details.of, details)
    write_site(ReportFolder(str(root), "run"), HEADING, [START, SECOND], groups)
    return Site(root / "run")


def links(site: Site, path: str) -> dict[str, str | None]:
    """Return where the links of a page lead, by their text; None for text without a link."""
    found = site.page(path).root.select("a")
    return {one.text: str(one["href"]) if "href" in one.attrs else None for one in found}


def test_links_lead_to_pages_from_wherever_they_are(tmp_path: Path):
    site = write(tmp_path, DETAIL)
    assert set(site.files) == {
        *("start.html", "second.html", "index.html", "single-file.html", "a.csv"),
        *("report.css", "report.js", "pages.json", "symbols/A/rsi.html"),
    }
    assert links(site, "index.html")["A"] == "symbols/A/rsi.html"
    deep = links(site, "symbols/A/rsi.html")
    assert (deep["Second"], deep["up"], deep["CSV"]) == (
        "../../second.html",
        "../../start.html",
        "../../a.csv",
    )
    for path in ("index.html", "second.html", "symbols/A/rsi.html"):
        for target in site.page(path).root.select("link[rel=stylesheet], script[src]"):
            where = str(target.get("href") or target.get("src"))
            assert (site.folder / path).parent.joinpath(where).is_file()


def test_a_short_page_leads_to_the_first_one(tmp_path: Path):
    site = write(tmp_path, replace(DETAIL, short=True))
    assert links(site, DETAIL.path) == {
        "Gauntlet": "../../index.html",
        "up": "../../start.html",
        "CSV": "../../a.csv",
    }
    page = site.page(DETAIL.path).root
    assert [one.text for one in page.select("h1, header span, footer")] == [
        "made up", "A under rsi",
    ]  # fmt: skip


def test_the_single_file_has_the_overview_and_says_what_it_lacks(tmp_path: Path):
    site = write(tmp_path, DETAIL)
    page = site.page("single-file.html")
    assert [one.text for one in page.root.select("h1")] == ["Start", "Second"]
    assert "Left out are 1 pages" in page.text
    found = links(site, "single-file.html")
    assert (found["Start"], found["back"], found["A"]) == ("#start", "#start", None)
    assert page.root.select("#start, #second")
    assert not page.root.select("link[rel=stylesheet], script[src], img")


def test_an_error_leaves_the_report_that_was_there(tmp_path: Path):
    before = write(tmp_path, DETAIL).files

    def broken() -> Iterator[Details]:
        yield Details.of(DETAIL)
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        write_site(ReportFolder(str(tmp_path), "run"), HEADING, [START, SECOND], broken())
    assert Site(tmp_path / "run").files == before
    assert [one.name for one in tmp_path.iterdir()] == ["run"]


def test_a_link_to_a_missing_page_writes_nothing(tmp_path: Path):
    with pytest.raises(ReportError, match=r"start.html leads to symbols/A/rsi.html, which is not"):
        write(tmp_path)
    assert not list(tmp_path.iterdir())


def test_two_pages_of_one_name_are_refused(tmp_path: Path):
    with pytest.raises(ReportError, match="Two pages or files of a report are"):
        write(tmp_path, DETAIL, DETAIL)


def test_a_report_that_is_written_again_has_no_old_pages(tmp_path: Path):
    other = Page("symbols/B/rsi.html", "B", "")
    write(tmp_path, DETAIL, other)
    assert "symbols/B/rsi.html" not in write(tmp_path, DETAIL).files


def test_what_comes_from_outside_is_text(tmp_path: Path):
    evil = "<script>alert(1)</script>\" onclick='x'"
    cell = Cell(evil, href=link_to("start.html"), note=evil)
    table = Table(evil, [Column(evil, meaning=evil)], [[cell]])
    page = Page("start.html", evil, render("article.html", page=START, body=table.render()))
    write_site(ReportFolder(str(tmp_path), "run"), HEADING, [page])
    shown = Site(tmp_path / "run").page("index.html")
    assert len(shown.root.select("script")) == 1  # the one that sorts
    assert not shown.root.select("[onclick]")
    assert shown.root.select("caption")[0].text == evil
    assert shown.root.select("tbody a")[0].text == evil


@pytest.mark.parametrize("text", ["../../x", "BRK.B", "^GSPC", "a/b", "", ".hidden", "Aa", "con:"])
def test_names_of_files_are_safe_and_distinct(text: str):
    name = name_file(text)
    assert name.replace(".", "").replace("_", "").replace("-", "").isalnum()
    assert not name.startswith(".")
    assert name.casefold() not in {
        name_file(one).casefold() for one in ("BRK-B", "AA", "aa", "a_b")
    }
    assert name_file("BRK-B") == "BRK-B"
