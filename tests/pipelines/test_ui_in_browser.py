"""The Dagster UI in a real browser: its contents and actions."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from pipelines.partitions import build_partition_tags
from tests.pipelines.browser import CHROMIUM, browsing
from tests.pipelines.graphql import count_runs, ended, launch_run
from tests.pipelines.hostile_page import serving_attack
from tests.pipelines.webserver import Webserver, running_webserver
from tests.project import FEW_ASSETS

if TYPE_CHECKING:
    from playwright.sync_api import Locator, Page

pytestmark = [
    pytest.mark.ui,
    pytest.mark.xdist_group("ui"),
    pytest.mark.skipif(CHROMIUM is None, reason="no Chromium: apt-get install chromium"),
]

RUN_WITHIN = 300.0


SYMBOLS = ("AAPL", "MSFT", "GOOGL", "AMZN", "TSLA", "META", "NVDA")
REQUEST = "{user: ann, symbols: [AAPL, META], strategy: rsi}"

FROM_SAMPLE = """
resources:
  market_data: {config: {source: sample}}
  run_settings: {config: {start: "2005-01-03", end: "2006-12-29"}}
"""


@pytest.fixture(scope="module")
def webserver() -> Iterator[Webserver]:
    def lay_out(folder: Path) -> dict[str, str]:
        # LATE fails: it is listed after the window.
        rows = ["symbol,listed_from", *(f"{symbol}," for symbol in SYMBOLS), "LATE,2030-01-01"]
        (folder / "universe.csv").write_text("\n".join(rows) + "\n")
        return {}

    with running_webserver(lay_out) as started:
        yield started


@pytest.fixture
def page(webserver: Webserver) -> "Iterator[Page]":
    with browsing(webserver) as shown:
        yield shown


def test_clicks_on_the_asset_graph_materialize_one_symbol(page: "Page"):
    from playwright.sync_api import expect

    page.goto("/asset-groups")
    for group in ("market_data", "backtests", "results"):
        expect(page.get_by_text(group, exact=True).first).to_be_visible()
    button(page, "Materialize all").click()
    # The list of partitions that it opens is also a dialog.
    dialog = page.get_by_role("dialog").filter(has_text="Launch runs to materialize")
    dialog.get_by_text("Select a partition or create one").click()
    page.get_by_role("menuitem").filter(has_text="META").click()
    page.keyboard.press("Escape")
    expect(dialog).to_contain_text("1 partition")
    button(dialog, "Launch 1 run").click()
    page.get_by_role("link", name="View", exact=True).click()
    expect(page).to_have_url(re.compile(r"/runs/[0-9a-f-]{36}"))
    expect(page.get_by_text("partition: META")).to_be_visible()
    expect(page.get_by_text("Success", exact=True).first).to_be_visible(timeout=RUN_WITHIN * 1000)

    page.goto("/assets/prices?view=partitions&partition=META")
    expect(page.get_by_text("META.parquet")).to_be_visible()


def test_a_partial_failure_shows_failed_symbols_and_leaderboard(webserver: Webserver, page: "Page"):
    from playwright.sync_api import expect

    run_id = launch_run(webserver, build_partition_tags(SYMBOLS[0], "LATE"), FEW_ASSETS)
    assert ended(webserver, run_id) == "SUCCESS", webserver.log_tail()
    page.goto("/assets/prices?view=partitions")
    expect(page.get_by_text("Materialized (7)")).to_be_visible()
    expect(page.get_by_text("Failed (1)")).to_be_visible()
    expect(page.get_by_text("Missing (0)")).to_be_visible()
    page.goto("/assets/prices?view=events")
    expect(page.get_by_text("UniverseError: LATE was listed from 2030-01-01")).to_be_visible()
    page.goto("/assets/prices?view=checks&checkDetail=success_rate_above_threshold")
    description = "7 of 8 symbols succeeded: 87.5%, limit 85%, warns below 100%. Failed: LATE."
    expect(page.get_by_text(description)).to_be_visible()
    page.goto("/assets/leaderboard?view=overview")
    expect(page.get_by_role("table").filter(has_text="doubled_costs_sharpe").first).to_be_visible()
    page.get_by_text("[Show Markdown]").click()
    expect(page.get_by_role("dialog").get_by_role("img", name="leaderboard")).to_be_visible()


def test_failed_and_missing_are_chosen_in_the_dialog(webserver: Webserver, page: "Page"):
    from playwright.sync_api import expect

    run_id = launch_run(webserver, build_partition_tags(SYMBOLS[0], "LATE"), ["prices"])
    assert ended(webserver, run_id) == "SUCCESS", webserver.log_tail()
    # A partition of another source of prices than that of the definitions.
    run_id = launch_run(webserver, build_partition_tags("MSFT", "MSFT"), ["prices"], FROM_SAMPLE)
    assert ended(webserver, run_id) == "SUCCESS", webserver.log_tail()
    page.goto("/assets/prices?view=partitions")
    for text in ("Materialized (6)", "Failed (1)", "Missing (1)"):
        expect(page.get_by_text(text)).to_be_visible()
    button(page, "Materialize").first.click()
    dialog = page.get_by_role("dialog").filter(has_text="Partition selection")
    for choice, count in (("Failed", "1 partition"), ("Failed and missing", "2 partitions")):
        dialog.get_by_text(choice, exact=True).click()
        expect(dialog.get_by_text(count, exact=True)).to_be_visible()


def test_a_request_in_the_launchpad_shows_its_result(webserver: Webserver, page: "Page"):
    from playwright.sync_api import expect

    page.goto("/locations/gauntlet/jobs/backtest_request/playground")
    page.locator(".CodeMirror").first.click()
    page.keyboard.press("Control+A")
    page.keyboard.insert_text(REQUEST)
    button(page, "Launch Run").click()
    expect(page).to_have_url(re.compile(r"/runs/[0-9a-f-]{36}"))
    expect(page.get_by_text("Success", exact=True).first).to_be_visible(timeout=RUN_WITHIN * 1000)
    page.goto("/assets/backtest_requests")
    expect(page.get_by_text("ann", exact=True).first).to_be_visible()


def test_partitions_of_prices_are_the_symbols_of_the_universe(page: "Page"):
    from playwright.sync_api import expect

    page.goto("/assets/prices?view=partitions")
    for symbol in ("AAPL", "MSFT", "GOOGL", "AMZN", "TSLA", "META"):
        expect(page.get_by_text(symbol, exact=True).first).to_be_visible()


def test_a_page_of_another_origin_launches_nothing(webserver: Webserver, page: "Page"):
    """The other tests of this file launch runs through the UI itself."""
    before = count_runs(webserver)
    with serving_attack(webserver.url) as url:
        page.goto(url)
        page.wait_for_function("document.title != 'trying'")
        assert page.title() == "kept out"
        assert count_runs(webserver) == before
        # A link to the UI works, and the UI is not shown in a frame of another page.
        page.evaluate("address => { location = address }", f"{webserver.url}/runs")
        page.wait_for_url("**/runs")


def button(inside: "Page | Locator", text: str) -> "Locator":
    """Return the button with `text`; its name starts with that of its icon."""
    return inside.get_by_role("button").filter(has_text=text)
