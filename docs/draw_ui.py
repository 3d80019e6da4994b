"""Takes the pictures of docs/dagster-ui.md: a real run in which three of 110 symbols failed.

Run ``python -m docs.draw_ui``; it needs Chromium, and two minutes.
"""

import shutil
import sys
from datetime import date, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from pipelines.partitions import build_partition_tags
from resources.universe import load_universe
from tests.pipelines.browser import browsing
from tests.pipelines.graphql import ended, launch_run
from tests.pipelines.webserver import running_webserver
from tests.project import END, write_good, write_impossible

if TYPE_CHECKING:
    from playwright.sync_api import FloatRect, Page, ViewportSize

ROOT = Path(__file__).parents[1]
_WINDOW: "ViewportSize" = {"width": 1280, "height": 900}
"""Of a small laptop: nothing must be cut off there."""
_MOVING_MS = 3000
"""After this time animations have ended."""
START = date(2020, 1, 2)
"""Three years: enough trades for a rank."""

UNIVERSE = load_universe(ROOT / "universe.csv").symbols


def main() -> None:
    """Run the universe with three bad symbols, and take the pictures."""
    with running_webserver(_lay_out) as webserver:
        run_id = launch_run(webserver, build_partition_tags(UNIVERSE[0], UNIVERSE[-1]))
        if ended(webserver, run_id) != "SUCCESS":
            raise SystemExit(webserver.log_tail())
        captures = (_partitions, _checks, _backtest, _leaderboard, _launchpad, _graph)
        for scale, some in ((1, captures), (2, (_dialog,))):
            with browsing(webserver, scale) as page:
                page.set_viewport_size(_WINDOW)
                for capture in some:
                    path = Path(__file__).with_name(f"ui-{capture.__name__.strip('_')}.png")
                    page.screenshot(path=path, clip=capture(page))
                    sys.stdout.write(f"Saved: {path.name}\n")


def _lay_out(folder: Path) -> dict[str, str]:
    shutil.copy(ROOT / "universe.csv", folder)
    prices = folder / "prices"
    prices.mkdir()
    for symbol in UNIVERSE:
        write_good(prices / f"{symbol}.csv", START - timedelta(days=366))
    (prices / "KO.csv").unlink()
    write_impossible(prices / "MSFT.csv")
    (prices / "UNP.csv").write_text("date,open,high,low,close,volume\n")
    return {
        "GAUNTLET_SOURCE": "files",
        "GAUNTLET_PRICES": str(prices),
        "GAUNTLET_START": START.isoformat(),
        "GAUNTLET_END": END.isoformat(),
    }


def _graph(page: "Page") -> "FloatRect":
    # High enough for all strategies: the graph fits the width.
    page.set_viewport_size({"width": 2000, "height": 2000})
    page.goto("/asset-groups", wait_until="networkidle")
    page.wait_for_timeout(_MOVING_MS)
    page.get_by_text("Hide navigation").click()
    # Groups are collapsed at first; expanded ones are part of the address.
    page.keyboard.press("Alt+KeyE")
    page.wait_for_timeout(_MOVING_MS)
    page.goto(page.url, wait_until="networkidle")
    page.wait_for_timeout(_MOVING_MS)
    return _top(page, 2000)


def _partitions(page: "Page") -> "FloatRect":
    page.goto("/assets/prices?view=partitions&partition=AAPL", wait_until="networkidle")
    page.get_by_text("Failed (3)").wait_for()
    return _top(page, 800)


def _checks(page: "Page") -> "FloatRect":
    page.goto("/assets/prices?view=checks&checkDetail=success_rate_above_threshold")
    page.get_by_text("107 of 110 symbols succeeded").wait_for()
    # Without the plots below, which show only one run.
    return _top(page, 690)


def _backtest(page: "Page") -> "FloatRect":
    from playwright.sync_api import expect

    page.set_viewport_size({"width": 1280, "height": 1200})
    page.goto("/assets/backtests/macd?view=partitions&partition=AAPL", wait_until="networkidle")
    page.wait_for_timeout(_MOVING_MS)
    drawn = page.locator("img[src^='/backtests/']")
    expect(drawn).not_to_have_js_property("naturalWidth", 0)
    page.wait_for_timeout(_MOVING_MS)
    return _top(page, 1180)


def _dialog(page: "Page") -> "FloatRect":
    _leaderboard(page)
    box = page.get_by_role("dialog").bounding_box()
    if box is None:
        raise SystemExit("the dialog of the leaderboard is not shown")
    # Without its title and its buttons.
    return {"x": box["x"], "y": box["y"] + 56, "width": box["width"], "height": box["height"] - 132}


def _leaderboard(page: "Page") -> "FloatRect":
    page.set_viewport_size(_WINDOW)
    page.goto("/assets/leaderboard?view=overview", wait_until="networkidle")
    page.get_by_text("[Show Markdown]").last.click()
    page.get_by_role("dialog").get_by_role("img", name="leaderboard").wait_for()
    page.wait_for_timeout(_MOVING_MS)
    return _top(page, 900)


def _launchpad(page: "Page") -> "FloatRect":
    page.goto("/locations/gauntlet/jobs/backtest_request/playground")
    # The example that it is prefilled with.
    page.locator(".CodeMirror").first.get_by_text("analyst").wait_for()
    page.get_by_text("Errors Only").wait_for()
    return _top(page, 900)


def _top(page: "Page", height: int) -> "FloatRect":
    width = page.viewport_size["width"] if page.viewport_size else 0
    return {"x": 0, "y": 0, "width": width, "height": height}


if __name__ == "__main__":
    main()
