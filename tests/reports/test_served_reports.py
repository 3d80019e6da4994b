"""The reports as the Dagster UI's webserver serves them, and how a browser shows them."""

import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from http.client import HTTPConnection, HTTPResponse
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import pytest
import uvicorn
from starlette.applications import Starlette
from starlette.routing import Mount

from pipelines.webserver.__main__ import GuardedWebserver
from pipelines.webserver.report_files import ReportFiles
from strategies.registry import STRATEGY_TEMPLATES
from tests.pipelines.browser import CHROMIUM, launched
from tests.reports.conftest import Reported

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

PAGES = (
    *("index", "failures", "data-quality", "runs", "single-file"),
    *("symbols", "correlation", "positions"),
    *("strategies/rsi", "symbols/S00", "symbols/S00/macd"),
)
SEVERE = {"serious", "critical"}

needs_browser = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium: apt-get install chromium")


class Server(uvicorn.Server):
    """A server in a thread of this process, on any free port."""

    @property
    def port(self) -> int:
        while not self.started:
            time.sleep(0.01)
        return self.servers[0].sockets[0].getsockname()[1]


@contextmanager
def served(app: Starlette) -> Iterator[int]:
    """Lend the port of a server of an app."""
    server = Server(uvicorn.Config(app, port=0, log_level="warning"))
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        yield server.port
    finally:
        server.should_exit = True
        thread.join()


@pytest.fixture(scope="module")
def port(reported: Reported) -> Iterator[int]:
    """Lend the port of a server of the reports; beside their folder is a secret."""
    (reported.root.parent / "secret.txt").write_text("sesame")
    (reported.root / "link").symlink_to(reported.root.parent)
    (reported.root / ".hidden.new").mkdir()
    (reported.root / ".hidden.new" / "index.html").write_text("half a report")
    with served(Starlette(routes=[Mount("/reports", ReportFiles(reported.root))])) as number:
        yield number


def ask(port: int, path: str, method: str = "GET") -> tuple[HTTPResponse, bytes]:
    """Return the response to a path that is sent as it is."""
    with closing(HTTPConnection("127.0.0.1", port)) as connection:
        connection.putrequest(method, path)
        connection.endheaders()
        with connection.getresponse() as response:
            return response, response.read()


def test_a_report_is_served_with_headers_that_keep_it_apart(reported: Reported, port: int):
    run = reported.run.run_id
    response, content = ask(port, f"/reports/{run}/index.html")
    assert (response.status, content) == (200, reported.site.files["index.html"])
    policy = response.headers["Content-Security-Policy"]
    assert policy.startswith("default-src 'none';")
    assert "form-action 'none'" in policy
    assert "script-src 'self' 'sha256-" in policy
    assert response.headers["X-Content-Type-Options"] == "nosniff"
    newest, _ = ask(port, "/reports/")
    assert (newest.status, newest.headers["Location"]) == (307, f"/reports/{run}/index.html")
    assert ask(port, f"/reports/{run}/runs.csv")[1] == reported.site.files["runs.csv"]


@pytest.mark.parametrize(
    "path",
    [
        *("../secret.txt", "%2e%2e/secret.txt", "..%2fsecret.txt", "%2e%2e%2fsecret.txt"),
        *("link/secret.txt", "./../secret.txt", "..\\secret.txt", "%00", "/etc/passwd"),
        *("%2fetc%2fpasswd", ".hidden.new/index.html", "x/../.hidden.new/index.html", "none/"),
        *("a" * 5000, "{run}/../../secret.txt", "{run}/nothing.html"),
    ],
)
def test_nothing_else_is_served(reported: Reported, port: int, path: str):
    path = path.replace("{run}", reported.run.run_id)
    response, content = ask(port, f"/reports/{path}")
    assert response.status == 404
    assert b"sesame" not in content
    assert b"half a report" not in content


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH"])
def test_reports_are_only_read(reported: Reported, port: int, method: str):
    path = f"/reports/{reported.run.run_id}/index.html"
    assert ask(port, path, method)[0].status == 405
    assert ask(port, path, "HEAD")[0].status == 200


def test_without_any_report_one_line_says_how_to_have_one(tmp_path: Path):
    app = Starlette(routes=[Mount("/reports", ReportFiles(tmp_path / "none"))])
    with served(app) as port:
        response, content = ask(port, "/reports/")
    assert response.status == 404
    assert content.startswith(b"There is no such report: `make run` writes one")


def test_reports_are_served_with_a_prefix_and_without(
    reported: Reported, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("GAUNTLET_HOME", str(reported.root.parent))
    routes = GuardedWebserver(None, app_path_prefix="/gauntlet").build_routes()
    path = f"/reports/{reported.run.run_id}/runs.csv"
    with served(Starlette(routes=routes)) as port:
        for prefix in ("/gauntlet", ""):
            response, content = ask(port, f"{prefix}{path}")
            assert (response.status, content) == (200, reported.site.files["runs.csv"])


@pytest.fixture(scope="module")
def browser() -> "Iterator[Browser]":
    with launched() as started:
        yield started


@needs_browser
@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (390, "dark")])
def test_pages_fit_and_have_no_faults(
    reported: Reported, port: int, browser: "Browser", width: int, scheme: Literal["light", "dark"]
):
    from axe_playwright_python.sync_playwright import Axe

    page = browser.new_page(
        viewport={"width": width, "height": 800},
        color_scheme=scheme,
    )
    said: list[str] = []
    page.on("console", lambda one: said.append(one.text))
    page.on("pageerror", lambda one: said.append(str(one)))
    page.on("request", lambda one: said.extend([] if is_ours(one.url, port) else [one.url]))
    for name in PAGES:
        page.goto(f"http://127.0.0.1:{port}/reports/{reported.run.run_id}/{name}.html")
        assert page.evaluate("document.documentElement.scrollWidth") == width, name
        assert page.locator("h1").first.is_visible()
        cut = page.eval_on_selector_all(
            ".scroll", "all => all.filter(one => one.scrollWidth > one.clientWidth).length"
        )
        assert width < 1280 or not cut, name  # a phone scrolls wide tables by themselves
        found = Axe().run(page, options={"preload": False}).response["violations"]
        severe = [(one["id"], one["nodes"][0]["html"]) for one in found if one["impact"] in SEVERE]
        assert not severe, name
    page.close()
    assert not said


@needs_browser
def test_verdicts_fit_with_the_longest_name(reported: Reported, browser: "Browser"):
    page = browser.new_page(viewport={"width": 1280, "height": 800})
    page.goto((reported.root / reported.run.run_id / "leaderboard.html").as_uri())
    verdicts = page.get_by_role("region", name="Verdicts: each criterion, and its limit")
    verdicts.locator("tbody th").first.evaluate(
        "(cell, name) => { cell.textContent = name; }", max(STRATEGY_TEMPLATES, key=len)
    )
    assert verdicts.evaluate("one => one.scrollWidth - one.clientWidth") == 0
    page.close()


def is_ours(url: str, port: int) -> bool:
    """Return whether a page asked its own server for something."""
    return url.startswith(f"http://127.0.0.1:{port}/reports/")


@needs_browser
@pytest.mark.parametrize("name", ["leaderboard", "single-file"])
def test_tables_are_sorted_by_click_and_by_key(reported: Reported, browser: "Browser", name: str):
    page = browser.new_page(viewport={"width": 1280, "height": 800})
    page.goto((reported.root / reported.run.run_id / f"{name}.html").as_uri())  # offline
    assert names(page) == ["macd", "rsi"]
    table = page.locator("table", has_text="Strategies, best first")
    head = table.get_by_role("columnheader", name="Beats holding")
    head.get_by_role("button").click()
    assert (names(page), head.get_attribute("aria-sort")) == (["rsi", "macd"], "descending")
    head.get_by_role("button").click()
    assert (names(page), head.get_attribute("aria-sort")) == (["macd", "rsi"], "ascending")
    ranked = table.get_by_role("columnheader", name="Rank", exact=True).get_by_role("button")
    ranked.focus()
    page.keyboard.press("Enter")
    # What has no rank comes last, whatever the order; benchmarks stay below.
    assert names(page) == ["macd", "rsi"]
    page.keyboard.press("Enter")
    assert names(page) == ["macd", "rsi"]
    assert table.locator("tfoot tr").count() == 2
    page.close()


@needs_browser
def test_what_pages_leave_out_is_added_by_the_script(reported: Reported, browser: "Browser"):
    page = browser.new_page(viewport={"width": 1280, "height": 800})
    page.goto((reported.root / reported.run.run_id / "symbols/S00/macd.html").as_uri())
    trades = page.get_by_role("region", name="Trades, each closed by a signal")
    assert trades.get_attribute("tabindex") == "0"
    assert page.get_by_role("region", name="S00 with the fills of macd").count() == 1
    for heading, descending in (("Profit", True), ("Entry", False)):
        head = trades.get_by_role("columnheader", name=heading)
        head.get_by_role("button").click()
        place = head.evaluate("cell => cell.cellIndex")
        cells = trades.locator(f"tbody tr > :nth-child({place + 1})").all_inner_texts()
        # Numbers by their values and from the highest, days from the first.
        known = [float(one.replace(",", "")) if descending else one for one in cells]
        assert known == sorted(known, reverse=descending)
        assert len(known) > 3
    assert trades.get_by_role("rowheader").count() == len(known)
    page.close()


def names(page: "Page") -> list[str]:
    """Return the strategies of the leaderboard in the order that is shown."""
    table = page.locator("table", has_text="Strategies, best first")
    return [one.split()[0] for one in table.locator("tbody th").all_inner_texts()]
