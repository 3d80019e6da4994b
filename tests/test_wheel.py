"""The built wheel has every package and the files that they need at run time."""

import subprocess
import sys
import zipfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = [
    *("strategies", "engine", "resources", "reports"),
    *("assets", "pipelines", "gauntlet", "migrations"),
]


def test_the_packages_import_from_an_installed_wheel(tmp_path: Path):
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)],
        cwd=ROOT,
        check=True,
        capture_output=True,
    )
    (wheel,) = tmp_path.glob("backtest_gauntlet-*.whl")
    installed = tmp_path / "installed"
    zipfile.ZipFile(wheel).extractall(installed)
    (tmp_path / "universe.csv").write_text("symbol\nAAPL\n")
    program = (
        f"import sys; sys.path.insert(0, {str(installed)!r})\n"
        f"for name in {PACKAGES!r}: print(__import__(name).__file__)\n"
        "from pipelines.definitions import defs; defs()\n"
        "import resources.dagster_event_log.sqlite\n"
        "import resources.result_store.schema\n"
        "from importlib.resources import files\n"
        "print(files('migrations').joinpath('versions/0001_create_the_result_store.py').is_file())\n"
        "from reports.html import read_template, render\n"
        "print(bool(read_template('report.css') and render('legend.html')))"
    )
    shown = subprocess.run(
        [sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True, check=True
    ).stdout.splitlines()
    assert shown == [str(installed / name / "__init__.py") for name in PACKAGES] + ["True", "True"]
