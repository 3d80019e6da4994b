"""What a run's process has in memory before it begins: imported by what it is a fork of.

That process only imports: a thread does not survive a fork, and what it held stays locked. No query
is run here, for which Polars starts threads, and no file, connection or lock is open. Code of the
user may do so when it is imported, as for a constant of a strategy's module: this is tried first,
in a fork, and such a project each run imports itself.

A run must not use code that was edited since: before each fork the files of the project are looked
at, and after an edit this process ends. The code server then starts another one.
"""

import gc
import logging
import os
import sys
from contextlib import suppress
from importlib import import_module

from resources.celery_workers.edition import Edition
from resources.run_processes.lost_threads import try_in_fork

_LOG = logging.getLogger(__name__)

# What Dagster, SQLAlchemy and this project import when they first use it, both storages, and what
# strategies may import that starts threads which see to a fork.
_LIBRARIES = (
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
    "scipy.linalg",
    "sqlalchemy.dialects.mysql",
    "sqlalchemy.dialects.postgresql.psycopg",
    "sqlalchemy.dialects.postgresql.psycopg2",
    "sqlalchemy.dialects.sqlite",
    "sqlalchemy.ext.compiler",
    "structlog",
    "talib",
    "tenacity",
    "upath.implementations.local",
)

# What the project imports when it first uses it.
_PROJECT = (
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


def _import(modules: tuple[str, ...]) -> None:
    for module in modules:
        with suppress(ImportError):  # an optional package
            import_module(module)


def _load_project() -> None:
    """Import the project, with the user's code; of what can't be imported the run will say so."""
    _import(_PROJECT)
    from sqlalchemy.orm import configure_mappers

    from pipelines.definitions import defs

    configure_mappers()
    defs().get_repository_def()


def _load() -> None:
    _import(_LIBRARIES)
    if threads := try_in_fork(_load_project):
        _LOG.warning(
            "Code that is imported starts threads (%s), which runs as forks would miss: each run "
            "imports the project itself. A strategy must not compute when it is imported.",
            ", ".join(sorted(threads)),
        )
    else:
        _load_project()


def _end_if_edited() -> None:
    if os.getpid() != _template:  # a run that forks goes on with what it has
        return
    if _on_disk.read_signature() != _edition:
        os._exit(0)


def _renew_random_state() -> None:
    """Seed NumPy's global generator: all forks would draw the same. Python's own sees to itself."""
    if numpy := sys.modules.get("numpy"):
        numpy.random.seed()


_template = os.getpid()
_on_disk = Edition((), ())
_edition = _on_disk.read_signature()
os.register_at_fork(before=_end_if_edited, after_in_child=_renew_random_state)
try:
    _load()
except Exception:  # noqa: BLE001 - code of the user may raise anything
    _LOG.exception("What runs are forks of has not imported everything; they do.")
# Forks share the pages of objects that their garbage collectors leave alone.
gc.collect()
gc.freeze()
