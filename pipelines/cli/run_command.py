"""What `make run` and `make retry` share: refusals, exit codes, and runs with their summary."""

import atexit
import gc
import os
import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, cast

from rich.console import Console

from pipelines.cli.terminal import open_terminal, print_error
from resources.config.environment import EnvironmentSettings
from resources.files.ownership import require_own_folder
from resources.files.private import protect_home
from resources.portfolios import load_portfolios
from resources.splits import load_splits
from resources.universe import Universe
from strategies.errors import GauntletError
from strategies.registry import registered_strategies

if TYPE_CHECKING:
    from pipelines.cli.materialize import Plan

_FAILED = 1
_REFUSED = 2
_INTERRUPTED = 130


def run_command(work: Callable[[EnvironmentSettings, Console, Console], int]) -> int:
    """Do a command's work; return its exit code, 2 if it was refused before anything ran.

    Parameters
    ----------
    work
        Gets the settings, and the consoles for output and for errors.
    """
    os.environ.setdefault("DAGSTER_HOME", str(Path.cwd()))
    console, errors = open_terminal()
    try:
        settings = EnvironmentSettings.from_environment(os.environ)
        require_own_folder(settings.home)
        protect_home(settings.home)
        return work(settings, console, errors)
    except GauntletError as error:
        print_error(errors, f"Refused: {error}")
        return _REFUSED
    except KeyboardInterrupt:
        print_error(errors, "Interrupted; what was finished is kept.")
        return _INTERRUPTED


def refuse_bad_files(settings: EnvironmentSettings, universe: Universe) -> None:
    """Read the files of splits and portfolios: a bad one is refused before anything starts.

    Raises
    ------
    SplitsError, PortfolioFileError
        With the first thing that is wrong, in one line.
    """
    load_splits(settings.splits)
    names = list(registered_strategies())
    load_portfolios(settings.portfolios, names, universe.symbols, has_sectors=universe.has_sectors)


def load_dagster(console: Console) -> None:
    """Import Dagster, which takes a second, and many when the disk is slow."""
    with console.status("Loading Dagster"), _kept_for_good():
        import dagster as dg

        import pipelines.definitions  # noqa: F401 - imported here, while the terminal says so
    warnings.simplefilter("ignore", dg.BetaWarning)
    # Few objects of a run are in cycles: looking for them every 700 new ones costs 0.4 s.
    gc.set_threshold(50_000)
    # At its end Python looks for garbage among all objects once more, for 0.6 s of CPU.
    atexit.register(gc.freeze)


def _import_talib() -> None:
    """Import TA-Lib without pandas: it would take 0.3 s, for series that no strategy here has."""
    known = sys.modules.get("pandas")
    sys.modules["pandas"] = cast("ModuleType", known)  # None: not to be imported
    try:
        import talib  # noqa: F401 - imported for those who need it later
    finally:
        if known is None:
            del sys.modules["pandas"]


@contextmanager
def _kept_for_good() -> Iterator[None]:
    """Collect no garbage meanwhile, and never look at what was made meanwhile: imported modules.

    They live as long as this process; to look through them again and again costs 0.8 s.
    """
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()


def execute_runs(
    settings: EnvironmentSettings, plan: "Plan", console: Console, errors: Console, port: int
) -> int:
    """Execute runs with their progress, and print what came of them; return 0, or 1 if one failed.

    Parameters
    ----------
    plan
        Returns the runs.
    port
        Of the Dagster UI, for the address that is printed.
    """
    with _kept_for_good():
        from pipelines.cli.materialize import materialize
        from pipelines.cli.outcome import print_outcome
        from pipelines.cli.progress import Progress
        from pipelines.cli.run_log import logged_to, new_log_file, waiting_shown
        from pipelines.resources import build_resources

        _import_talib()
    resources = build_resources(settings)
    with console.status("Starting PostgreSQL"), waiting_shown(console):
        # A database that can't be used is refused before anything runs.
        resources["result_store"].manager()
    progress, log = Progress(console), new_log_file(settings.home / "logs")
    with logged_to(log) as unwritten, progress.shown():
        done = materialize(settings, plan, progress, progress.say)
    with waiting_shown(console):
        print_outcome(console, errors, resources, done, progress.broken_checks, log, port)
    if unwritten and not done.reasons:
        print_error(errors, f"The log {log} is incomplete: {unwritten[0]}.")
    return _FAILED if done.reasons else 0
