"""The log file of a run, and a terminal on which nothing but our own lines appears."""

import logging
import os
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from pathlib import Path

from rich.console import Console

from resources.error_lines import describe_error
from resources.files.private import create_private
from resources.redaction import redact_records
from strategies.errors import GauntletError

_LOGS_KEPT = 20
_FORMAT = redact_records(
    logging.Formatter("{asctime} {levelname} {message}", "%Y-%m-%d %H:%M:%S %z", style="{")
)


class LogFolderError(GauntletError):
    """The folder of the logs can't be made or tidied up."""


def new_log_file(logs: Path) -> Path:
    """Return the path of a new log file in the folder `logs`, and remove the oldest ones.

    Raises
    ------
    LogFolderError
        When there is no such folder, and none can be made.
    """
    try:
        create_private(logs)
        # Their names sort by time.
        for old in sorted(logs.glob("main-job-*.log"))[: -(_LOGS_KEPT - 1)]:
            old.unlink(missing_ok=True)
    except OSError as error:
        raise LogFolderError(f"No log can be written: {describe_error(error)}") from error
    return logs / f"main-job-{datetime.now(tz=UTC):%Y%m%dT%H%M%S}-{os.getpid()}.log"


class _LogFile(logging.FileHandler):
    """A file that is made with its first record; one that can't be written is no reason to stop.

    Attributes
    ----------
    unwritten
        Why records were left out, such as a disk that is full.
    """

    def __init__(self, path: Path) -> None:
        super().__init__(path, encoding="utf-8", delay=True)
        self.unwritten: list[str] = []

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 - logging's name
        """Note why a record could not be written."""
        error = sys.exc_info()[1]
        if isinstance(error, OSError):
            self.unwritten.append(error.strerror or str(error))
        else:
            super().handleError(record)

    def close(self) -> None:
        """Close the file; what is left of a full disk's records is dropped."""
        try:
            super().close()
        except OSError as error:
            self.unwritten.append(error.strerror or str(error))


@contextmanager
def waiting_shown(console: Console) -> Iterator[None]:
    """Say once that the database is waited for; without a log its retries would be printed."""
    logger, said = logging.getLogger("resources.result_store.retry"), []

    def say(_: logging.LogRecord) -> bool:
        if not said:
            said.append(True)
            console.print("The database does not answer yet; waiting for it")
        return False

    logger.addFilter(say)
    try:
        yield
    finally:
        logger.removeFilter(say)


@contextmanager
def logged_to(path: Path) -> Iterator[list[str]]:
    """Write log records and warnings of this process into a file, and nothing to the terminal.

    Lends a list in which the reasons are why some could not be written.

    What is printed to stdout and stderr meanwhile is dropped here: Dagster keeps what steps print
    with the run, and its console logger repeats what its log records say.
    """
    root, handler = logging.getLogger(), _LogFile(path)
    handler.setFormatter(_FORMAT)
    root.addHandler(handler)
    logging.captureWarnings(True)
    try:
        with ExitStack() as silenced, Path(os.devnull).open("w") as nowhere:
            for stream in (sys.stdout, sys.stderr):
                stream.flush()
                descriptor = stream.fileno()
                saved = os.dup(descriptor)
                silenced.callback(os.close, saved)
                silenced.callback(os.dup2, saved, descriptor)
                silenced.callback(stream.flush)
                os.dup2(nowhere.fileno(), descriptor)
            yield handler.unwritten
    finally:
        logging.captureWarnings(False)
        root.removeHandler(handler)
        handler.close()
