"""The Dagster page in a real browser: what a person sees, and what a click does."""

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from tests.pipelines.browser import CHROMIUM, browsing
from tests.pipelines.webserver import Webserver, running_webserver

if TYPE_CHECKING:
    from playwright.sync_api import Locator, Page

pytestmark = [
    pytest.mark.ui,
    pytest.mark.xdist_group("ui"),
    pytest.mark.skipif(CHROMIUM is None, reason="no Chromium: apt-get install chromium"),
]

RUN_WITHIN = 120.0


@pytest.fixture(scope="module")
def webserver() -> Iterator[Webserver]:
    with running_webserver() as started:
        yield started


@pytest.fixture
def page(webserver: Webserver) -> "Iterator[Page]":
    with browsing(webserver) as shown:
        yield shown


def test_one_symbol_is_materialized_by_clicks_on_the_asset_graph(page: "Page"):
    from playwright.sync_api import expect

    page.goto("/asset-groups")
    for group in ("market_data", "backtests", "results"):
        expect(page.get_by_text(group, exact=True).first).to_be_visible()
    button(page, "Materialize all").click()
    # The list of partitions that it opens is a dialog too.
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
    expect(page.get_by_text("Materialized (1)")).to_be_visible()
    expect(page.get_by_text("META.parquet")).to_be_visible()


def test_the_partitions_of_prices_are_the_symbols_of_the_universe(page: "Page"):
    from playwright.sync_api import expect

    page.goto("/assets/prices?view=partitions")
    for symbol in ("AAPL", "MSFT", "GOOGL", "AMZN", "TSLA", "META"):
        expect(page.get_by_text(symbol, exact=True).first).to_be_visible()


def button(inside: "Page | Locator", text: str) -> "Locator":
    """Return the button with `text`, whose name begins with that of its icon."""
    return inside.get_by_role("button").filter(has_text=text)
