"""The log file of a run, and a terminal on which nothing but our own lines appears."""

import logging
import os
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from pathlib import Path

from resources.files.private import create_private
from resources.redaction import redact_records

_LOGS_KEPT = 20
_FORMAT = redact_records(
    logging.Formatter("{asctime} {levelname} {message}", "%Y-%m-%d %H:%M:%S %z", style="{")
)


def new_log_file(logs: Path) -> Path:
    """Return the path of a new log file in the folder `logs`, and remove the oldest ones."""
    create_private(logs)
    # Their names sort by time.
    for old in sorted(logs.glob("main-job-*.log"))[: -(_LOGS_KEPT - 1)]:
        old.unlink(missing_ok=True)
    return logs / f"main-job-{datetime.now(tz=UTC):%Y%m%dT%H%M%S}-{os.getpid()}.log"


@contextmanager
def logged_to(path: Path) -> Iterator[None]:
    """Write log records and warnings of this process into a file, and nothing to the terminal.

    What is printed to stdout and stderr meanwhile is dropped here: Dagster keeps what steps print
    with the run, and its console logger repeats what its log records say.
    """
    root, handler = logging.getLogger(), logging.FileHandler(path, encoding="utf-8")
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
            yield
    finally:
        logging.captureWarnings(False)
        root.removeHandler(handler)
        handler.close()
