"""`make report`: the report of a run, written if there is none, and opened where there is a screen.

python -m pipelines.cli.report --run 7064126a --rebuild
"""

import argparse
import os
import sys
import webbrowser
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from rich.console import Console

from pipelines.cli.run_command import load_dagster, run_command
from pipelines.cli.terminal import print_as_it_is, print_wrapped
from resources.config.environment import EnvironmentSettings
from strategies.errors import GauntletError

_SHOWN = 5
_MOST = 1_000


class UnknownRunError(GauntletError):
    """No run of that name has a leaderboard to report; the text says which have."""


def main(arguments: list[str] | None = None) -> int:
    """Print where the report is; return 0, or 2 if there is nothing to report."""
    given = _build_parser().parse_args(arguments)
    return run_command(partial(_report, given.run, given.rebuild))


def _build_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="make report",
        description="Print where the report of a run is, and open it where there is a screen. A "
        "run without one gets it from what is stored.",
        epilog="Settings are those of `make run`.",
    )
    parser.add_argument("--run", default="", help="the run, by the beginning of its id (RUN)")
    parser.add_argument("--rebuild", action="store_true", help="write it again")
    return parser


def _report(
    run: str, rebuild: bool, settings: EnvironmentSettings, console: Console, _errors: Console
) -> int:
    load_dagster(console)
    from pipelines.resources import build_resources
    from reports.folder import ReportFolder
    from reports.inputs.run_data import Stores
    from reports.page import INDEX
    from reports.report import write_report
    from resources.session_table import TABLES

    TABLES.keep_for(settings.home)
    resources = build_resources(settings)
    manager, root = resources["result_store"].manager(), resources["reports"].root
    found = find_run(manager.get_leaderboard_runs(_MOST), run)
    folder = ReportFolder(root, found)
    if rebuild or not folder.exists():
        stores = Stores(manager, resources["backtest_files"], resources["price_store"])
        with console.status("Writing the report"):
            site = write_report(stores, root, found)
        print_wrapped(console, f"{site.pages} pages, {site.size / 1e6:.1f} MB", style="dim")
    path = folder.path_of(INDEX)
    print_as_it_is(console, path.replace(f"{Path.cwd()}/", ""))
    if has_screen(os.environ) and sys.stdout.isatty():
        webbrowser.open(Path(path).as_uri())
    return 0


def find_run(made: Sequence[Mapping[str, Any]], name: str) -> str:
    """Return the run that `name` begins the identifier of; the newest one for "".

    Parameters
    ----------
    made
        The runs with a leaderboard, newest first.

    Raises
    ------
    UnknownRunError
        When there is none, or more than one.
    """
    if not made:
        raise UnknownRunError("There is no leaderboard yet, and nothing to report: make run.")
    known = [one["run_id"] for one in made]
    matching = [one for one in known if one.startswith(name)]
    if not name or len(matching) == 1:
        return matching[0]
    newest = ", ".join(
        f"{one[:8]} of {_say_when(row)}"
        for one, row in list(zip(known, made, strict=True))[:_SHOWN]
    )
    what = f"{len(matching)} runs begin with" if matching else "no run with a leaderboard is"
    raise UnknownRunError(f"{what} {name!r}; the newest are {newest}.")


def has_screen(environ: Mapping[str, str]) -> bool:
    """Return whether a browser would open a window, and not take over the terminal."""
    return sys.platform in {"darwin", "win32"} or bool(
        environ.get("DISPLAY") or environ.get("WAYLAND_DISPLAY")
    )


def _say_when(row: Mapping[str, Any]) -> str:
    return f"{row['made_at']:%Y-%m-%d %H:%M}"


if __name__ == "__main__":
    sys.exit(main())
