"""A project's folder, and the command behind `make run` in it, as a separate process."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import dagster as dg

ROOT = Path(__file__).resolve().parents[3]
SYMBOLS = ["AAPL", "MSFT", "GOOGL", "AMZN", "TSLA", "META", "NVDA"]
_MAIN = "import sys; from pipelines.cli.main_job import main; sys.exit(main())"


def lay_out(folder: Path, symbols: list[str]) -> None:
    """Make a project's folder with a universe."""
    for name in ("dagster.yaml", "workspace.yaml"):
        shutil.copy(ROOT / name, folder)
    (folder / "universe.csv").write_text("symbol\n" + "\n".join(symbols) + "\n")


def environment(database: str | None, **variables: str) -> dict[str, str]:
    """Return this process's environment with no settings but the given ones."""
    ours = ("GAUNTLET_", "DAGSTER_", "DATABASE_URL")
    inherited = {name: text for name, text in os.environ.items() if not name.startswith(ours)}
    given = {"DATABASE_URL": database} if database else {}
    return {**inherited, "GAUNTLET_START": "2023-01-01", "COLUMNS": "80", **given, **variables}


def run_main_job(
    folder: Path, database: str | None, *options: str, **variables: str
) -> subprocess.CompletedProcess[str]:
    """Run the main job to its end."""
    return subprocess.run(
        [sys.executable, "-m", "pipelines.cli.main_job", *options],
        cwd=folder,
        env=environment(database, **variables),
        capture_output=True,
        text=True,
        check=False,
    )


def start_main_job(folder: Path, database: str, fault: str) -> subprocess.Popen[str]:
    """Start the main job in a process that runs the program `fault` before it."""
    return subprocess.Popen(
        [sys.executable, "-c", f"{fault}\n{_MAIN}"],
        cwd=folder,
        env=environment(database),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def log_of(folder: Path) -> str:
    """Return the text of the only log."""
    (log,) = (folder / ".data/logs").glob("main-job-*.log")
    return log.read_text()


@contextmanager
def history(folder: Path) -> Iterator[dg.DagsterInstance]:
    """Lend the history of a project's runs, read by Dagster's own storage."""
    files = str(folder / ".data" / "dagster")
    overrides = {"storage": {"sqlite": {"base_dir": files}}, "telemetry": {"enabled": False}}
    with dg.DagsterInstance.local_temp(files, overrides=overrides) as instance:
        yield instance


def materialized(folder: Path, *path: str) -> set[str]:
    """Return the partitions of an asset that are materialized."""
    with history(folder) as instance:
        return instance.get_materialized_partitions(dg.AssetKey(path))
