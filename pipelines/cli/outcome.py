"""What came of the runs, printed at their end: also when the database has gone meanwhile."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import dagster as dg
from rich.console import Console

from pipelines.cli.materialize import Materialized
from pipelines.cli.summary import print_checks, print_failures, print_leaderboard, print_places
from pipelines.cli.terminal import print_as_it_is, print_error
from pipelines.cli.ui_command import describe_command, describe_ui
from reports.folder import ReportFolder
from reports.page import INDEX
from resources.files.reports import Reports
from resources.result_store.errors import ResultStoreError


def print_outcome(
    console: Console,
    errors: Console,
    resources: Mapping[str, Any],
    done: Materialized,
    broken_checks: Sequence[dg.AssetCheckEvaluation],
    log: Path,
    port: int,
) -> None:
    """Print failures, checks, why runs failed, the leaderboard, and where everything is.

    What can't be read of the database is left out, with one line: what the runs did is done, and
    doesn't change by that.
    """
    manager, unread = None, None
    try:
        manager = resources["result_store"].manager()
        failures = [one for run in done.run_ids for one in manager.get_failures(run)]
        print_failures(console, failures)
    except ResultStoreError as error:
        unread = error
    print_checks(console, broken_checks)
    for reason in done.reasons:
        print_error(errors, f"Failed: {reason} (log: {log})")
    if done.succeeded and manager and unread is None:
        try:
            # Of the last run that has one: the others print nothing.
            shown = (print_leaderboard(console, manager, run) for run in reversed(done.succeeded))
            folder = next(filter(None, shown), "")
        except ResultStoreError as error:
            unread = error
        else:
            _print_places(console, resources, log, folder, port)
            print_report(console, resources["reports"], done.run_ids)
    if unread is not None:
        _print_unread(console, errors, unread, done, port)


def _print_places(
    console: Console, resources: Mapping[str, Any], log: Path, folder: str, port: int
) -> None:
    if folder:
        print_places(console, resources, log, folder)
        console.print()
        print_as_it_is(console, describe_ui(os.environ, port))


def print_report(console: Console, reports: Reports, run_ids: Sequence[str]) -> None:
    """Print where the report of these runs is, or how to have one, as the last line."""
    folders = [ReportFolder(reports.root, run_id) for run_id in reversed(run_ids)]
    written = next((one for one in folders if one.exists()), None)
    command = describe_command(f"make report RUN={run_ids[-1][:8]}", os.environ)
    shown = written.path_of(INDEX) if written else f"none yet: {command}"
    print_as_it_is(console, f"Report: {shown.replace(f'{Path.cwd()}/', '')}")


def _print_unread(
    console: Console, errors: Console, unread: ResultStoreError, done: Materialized, port: int
) -> None:
    succeeded = "" if done.reasons else "All runs succeeded. "
    print_error(errors, f"{succeeded}What they made can't be shown now: {unread}")
    print_as_it_is(console, describe_ui(os.environ, port))
