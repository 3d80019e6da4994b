"""Takes the pictures of docs/report.md: the report of a run on the real bars of the sample.

Run ``python -m docs.draw_report``; it needs Chromium, and a minute.
"""

import os
import shutil
import subprocess
import sys
import tempfile
from io import BytesIO
from pathlib import Path

from tests.pipelines.browser import launched

ROOT = Path(__file__).parents[1]
PICTURES = {
    "leaderboard": ("leaderboard.html", 1330),
    "strategy": ("strategies/ema_cross.html", 1500),
    "symbol": ("symbols/IBM/ema_cross.html", 1120),
}
"""By name: the page, and how many pixels of it from its top on."""

_WIDTH = 1280


def main() -> None:
    """Run the sample in a folder of its own, and take the pictures."""
    with tempfile.TemporaryDirectory(prefix="gauntlet-") as folder, launched() as browser:
        report = _make_report(Path(folder))
        for name, (path, height) in PICTURES.items():
            page = browser.new_page(
                viewport={"width": _WIDTH, "height": height}, color_scheme="light"
            )
            page.goto((report / path).as_uri())
            target = Path(__file__).with_name(f"report-{name}.png")
            target.write_bytes(_compress(page.screenshot()))
            sys.stdout.write(f"Saved: {target.name}, {target.stat().st_size / 1e3:.0f} kB\n")
            page.close()


def _make_report(folder: Path) -> Path:
    """Return the folder of the report of a new run."""
    shutil.copy(ROOT / "dagster.yaml", folder)
    settings = {
        "DAGSTER_HOME": str(folder),
        "GAUNTLET_HOME": str(folder / "data"),
        "GAUNTLET_SOURCE": "sample",
        "PYTHONPATH": str(ROOT),
    }
    command = [sys.executable, "-m", "pipelines.cli.main_job"]
    subprocess.run(command, cwd=folder, env=os.environ | settings, check=True)  # noqa: S603
    (index,) = folder.glob("data/reports/*/index.html")
    return index.parent


def _compress(picture: bytes) -> bytes:
    """Return a picture with the same pixels in fewer bytes."""
    from PIL import Image

    content = BytesIO()
    Image.open(BytesIO(picture)).convert("RGB").save(content, "PNG", optimize=True)
    return content.getvalue()


if __name__ == "__main__":
    main()
