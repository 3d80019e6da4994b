"""What a run's process has in memory before it begins: imported by what it is a fork of.

That process only imports: a thread does not survive a fork, and what it held stays locked. Some
libraries start threads when they are imported, and these are known to be safe: allocators and
OpenBLAS see to a fork themselves, and Polars has one that waits to remove files which large queries
leave. The first query of Polars starts others, without which a fork's first query hangs. So none is
run here; if code of the user does when it is imported, as a constant of a strategy's module, this
process starts again and imports nothing, which its forks then do. No file, connection or lock is
open.

A run must not use code that was edited since: before each fork the files of the project are looked
at, and after an edit this process ends. The code server then starts another one.
"""

import gc
import logging
import os
import sys
import threading
from contextlib import suppress
from importlib import import_module
from pathlib import Path

_LOG = logging.getLogger(__name__)
_PROJECT = ("strategies", "engine", "research", "resources", "reports", "assets", "pipelines")

# What Dagster, SQLAlchemy and this project import when they first use it, and both storages.
_USED_LATER = (
    "alembic.command",
    "alembic.config",
    "dagster._core.execution.submit_asset_runs",
    "dagster._core.execution.plan.active",
    "dagster._core.executor.in_process",
    "dagster._core.instance.factory",
    "dagster._core.secrets.env_file",
    "dagster._core.storage.legacy_storage",
    "dagster._core.storage.local_compute_log_manager",
    "dagster._core.storage.root",
    "dagster._core.storage.runs",
    "dagster._core.storage.schedules",
    "dagster._core.storage.sqlite_storage",
    "dagster._core.system_config.composite_descent",
    "dagster._core.utility_ops",
    "dagster._core.workspace.context",
    "dagster._daemon.auto_run_reexecution.auto_run_reexecution",
    "dagster._grpc.impl",
    "dagster._utils.test.definitions",
    "dagster_postgres",
    "encodings.cp437",
    "exchange_calendars",
    "fsspec.implementations.chained",
    "fsspec.implementations.local",
    "jinja2",
    "numpy.random",
    "pandas",
    "psutil",
    "psycopg",
    "pyarrow.pandas_compat",
    "pyarrow.vendored.version",
    "rich.console",
    "rich.traceback",
    "sqlalchemy.dialects.mysql",
    "sqlalchemy.dialects.postgresql.psycopg",
    "sqlalchemy.dialects.postgresql.psycopg2",
    "sqlalchemy.dialects.sqlite",
    "sqlalchemy.ext.compiler",
    "structlog",
    "talib",
    "tenacity",
    "upath.implementations.local",
    "assets.backtests.stage",
    "assets.forward_stage",
    "assets.leaderboard_plot",
    "assets.optimization_report",
    "assets.portfolios_report",
    "assets.portfolios_stage",
    "assets.robustness_report",
    "assets.robustness_stage",
    "assets.sweep_stage",
    "assets.walk_forward_report",
    "assets.walk_forward_stage",
    "engine.validation",
    "reports.report",
    "research.runner",
    "research.universe_growth",
    "research.verdicts.judgement",
    "resources.dagster_event_log.postgres",
    "resources.dagster_event_log.sqlite",
    "resources.files.unreadable",
    "resources.market_data.sources.synthetic",
    "resources.price_store.merge",
    "resources.price_store.parquet",
    "resources.result_store.embedded",
    "resources.result_store.models",
    "resources.run_artifacts.sweep_files",
    "resources.run_processes.launcher",
)

_SAFE_THREADS = ("jemalloc_bg_thd", "polars-ooc-clea")
"""Names as Linux has them, cut to 15 characters."""

_NOTHING = "_GAUNTLET_TEMPLATE_IMPORTS_NOTHING"


def _load() -> None:
    """Import all of it; of what can't be imported the run that needs it will say so."""
    for module in _USED_LATER:
        with suppress(ImportError):  # an optional package
            import_module(module)
    from sqlalchemy.orm import configure_mappers

    from pipelines.definitions import defs

    configure_mappers()
    defs().get_repository_def()


def _read_edition() -> dict[Path, tuple[int, int]]:
    """Return when each file of the project was changed, and its size."""
    folders = {folder for name in _PROJECT for folder in import_module(name).__path__}
    files = (file for folder in folders for file in Path(folder).rglob("*.py"))
    seen = ((file, file.stat()) for file in files)
    return {file: (status.st_mtime_ns, status.st_size) for file, status in seen}


def _end_if_edited() -> None:
    if os.getpid() != _template:  # a run that forks goes on with what it has
        return
    with suppress(FileNotFoundError):  # removed at this moment
        if _read_edition() == _edition:
            return
    os._exit(0)


def _renew_random_state() -> None:
    """Seed NumPy's global generator: all forks would draw the same. Python's own sees to itself."""
    if numpy := sys.modules.get("numpy"):
        numpy.random.seed()


def _find_unsafe_threads() -> set[str]:
    """Return the names of threads that a fork would miss; those of OpenBLAS have the process's."""
    tasks = Path("/proc/self/task")
    names = {(task / "comm").read_text().strip() for task in tasks.iterdir()}
    process = (tasks / str(os.getpid()) / "comm").read_text().strip()
    of_python = {thread.name for thread in threading.enumerate()[1:]}
    return names - {process, *_SAFE_THREADS} | of_python


def _start_again_if_unsafe() -> None:
    """Start this process again, to import nothing, if what it imported left threads behind."""
    if not (threads := _find_unsafe_threads()):
        return
    _LOG.warning(
        "Code that is imported starts threads (%s), which runs as forks would miss: each run "
        "imports everything itself, and takes seconds longer. A strategy must not compute when it "
        "is imported.",
        ", ".join(sorted(threads)),
    )
    os.environ[_NOTHING] = "1"
    os.execv(sys.executable, sys.orig_argv)  # noqa: S606 - this process, again


_template = os.getpid()
_edition = _read_edition()
os.register_at_fork(before=_end_if_edited, after_in_child=_renew_random_state)
if os.environ.pop(_NOTHING, None) is None:
    try:
        _load()
    except Exception:  # noqa: BLE001 - code of the user may raise anything
        _LOG.exception("What runs are forks of has not imported everything; they do.")
    _start_again_if_unsafe()
# Forks share the pages of objects that their garbage collectors leave alone.
gc.collect()
gc.freeze()
