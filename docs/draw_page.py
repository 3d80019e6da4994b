"""Shoots docs/checks.png: the checks of a real run in which three symbols failed.

Run ``python -m docs.draw_page``; it needs Chromium, and a minute.
"""

import shutil
import sys
from pathlib import Path

from pipelines.partitions import tags_of
from resources.universe import load_universe
from tests.pipelines.browser import browsing
from tests.pipelines.graphql import ended, launch_run
from tests.pipelines.webserver import Webserver, running_webserver
from tests.project import END, FEW_ASSETS, START, write_good, write_impossible

ROOT = Path(__file__).parents[1]
PICTURE = Path(__file__).with_name("checks.png")
UNIVERSE = load_universe(ROOT / "universe.csv").symbols


def main() -> None:
    """Run the universe with three bad symbols, and take the picture."""
    with running_webserver(_lay_out) as webserver:
        run_id = launch_run(webserver, tags_of(UNIVERSE[0], UNIVERSE[-1]), FEW_ASSETS)
        if ended(webserver, run_id) != "SUCCESS":
            raise SystemExit(webserver.log_tail())
        _shoot(webserver)
    sys.stdout.write(f"Drawn into {PICTURE}\n")


def _lay_out(folder: Path) -> dict[str, str]:
    shutil.copy(ROOT / "universe.csv", folder)
    prices = folder / "prices"
    prices.mkdir()
    for symbol in UNIVERSE:
        write_good(prices / f"{symbol}.csv")
    (prices / "KO.csv").unlink()
    write_impossible(prices / "MSFT.csv")
    (prices / "UNP.csv").write_text("date,open,high,low,close,volume\n")
    return {
        "GAUNTLET_SOURCE": "files",
        "GAUNTLET_PRICES": str(prices),
        "GAUNTLET_START": START.isoformat(),
        "GAUNTLET_END": END.isoformat(),
    }


def _shoot(webserver: Webserver) -> None:
    with browsing(webserver) as page:
        page.goto("/assets/prices?view=checks&checkDetail=success_rate_above_threshold")
        page.get_by_text("107 of 110 symbols succeeded").wait_for()
        # The figures, and not the plots below, which are of one run only.
        page.screenshot(path=PICTURE, clip={"x": 0, "y": 0, "width": 1600, "height": 690})


if __name__ == "__main__":
    main()
