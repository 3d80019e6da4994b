"""A headless Chromium on the Dagster UI of a webserver."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from tests.pipelines.webserver import Webserver

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
"""The browser's program; None if there is none."""

DRAWN_WITHIN = 120.0

_FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


@contextmanager
def launched() -> "Iterator[Browser]":
    """Lend a browser."""
    from playwright.sync_api import expect, sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=list(_FLAGS))
        expect.set_options(timeout=DRAWN_WITHIN * 1000)
        try:
            yield browser
        finally:
            browser.close()


@contextmanager
def browsing(webserver: Webserver, scale: float = 1) -> "Iterator[Page]":
    """Lend a page of a browser, with the webserver as base of relative URLs.

    Parameters
    ----------
    scale
        Pixels of the screen per pixel of a picture: 2 for sharp ones.
    """
    # What its Skip button sends: Dagster's invitation to its community is shown once per instance,
    # at an unpredictable moment, and would cover other buttons.
    webserver.query("mutation { setNuxSeen }")
    with launched() as browser:
        page = browser.new_page(
            base_url=webserver.url,
            viewport={"width": 1600, "height": 900},
            locale="en-US",
            device_scale_factor=scale,
        )
        page.set_default_timeout(DRAWN_WITHIN * 1000)
        yield page
