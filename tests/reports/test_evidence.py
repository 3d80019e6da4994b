"""The ten questions of docs/evidence.md: each has its answer, in as many clicks as it says."""

import posixpath
import re
from collections import deque
from pathlib import Path

from tests.project import SYMBOLS
from tests.reports.conftest import NAMES, Reported
from tests.reports.pages import Site

_DOCS = Path(__file__).resolve().parents[2] / "docs" / "evidence.md"
_ROW = re.compile(r"^\| (.*\?|.*trades) \| (.*) \| `(.*)` \| (\d) \|$", re.MULTILINE)


def test_each_question_is_answered_in_the_clicks_that_it_says(reported: Reported):
    rows = _ROW.findall(_DOCS.read_text())
    clicks = _count_clicks(reported.site)
    assert len(rows) == 10
    for question, answer, page, said in rows:
        path = page.replace("<symbol>", SYMBOLS[0]).replace("<strategy>", NAMES[0])
        assert clicks[path] == int(said) <= 2, question
        headings = [one.text for one in reported.site.page(path).root.select("h2")]
        for section in re.findall(r'section "(.*?)"', answer):
            assert section in headings, question


def _count_clicks(site: Site) -> dict[str, int]:
    """Return the fewest clicks from the first page to each other one."""
    clicks, waiting = {"index.html": 0}, deque(["index.html"])
    while waiting:
        page = waiting.popleft()
        for link in site.page(page).root.select("a[href]"):
            target = str(link["href"]).partition("#")[0]
            path = posixpath.normpath(posixpath.join(posixpath.dirname(page), target))
            if path.endswith(".html") and path in site.files and path not in clicks:
                clicks[path] = clicks[page] + 1
                waiting.append(path)
    return clicks
