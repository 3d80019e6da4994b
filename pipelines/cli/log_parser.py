"""What `dagster asset materialize` prints, turned into progress for a person."""

import os
import re
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path

from rich.console import Console

# 2026-01-31 09:30:00 +0000 - dagster - INFO - __ASSET_JOB - <run id> - prices - 110 of 110 symbols
_MESSAGE = re.compile(
    r" - dagster - (?P<level>[A-Z]+) - \S+ - (?P<run>[0-9a-f]{8}-[0-9a-f-]{27})"
    r" - (?:(?P<step>\w+) - )?(?P<text>.*)"
)
_LOGS_KEPT = 20
_STYLES = {"WARNING": "yellow", "ERROR": "red", "CRITICAL": "red"}


class RunOutput:
    """Follows the output of a run: shows messages, keeps every line in a log file.

    Parameters
    ----------
    console
        Where messages go.
    logs
        The folder in which a file of its own holds the whole output afterwards; those of the
        newest runs are kept.
    """

    def __init__(self, console: Console, logs: Path) -> None:
        self.console = console
        started = datetime.now(tz=UTC)
        self.log = logs / f"main-job-{started:%Y%m%dT%H%M%S}-{os.getpid()}.log"
        self.run_id: str | None = None
        self.last_line = "the run printed nothing"

    def follow(self, lines: Iterable[str]) -> None:
        """Read `lines` to their end."""
        self.log.parent.mkdir(parents=True, exist_ok=True)
        _prune(self.log.parent)
        with (
            self.log.open("w", encoding="utf-8") as file,
            self.console.status("Planning the run") as status,
        ):
            for line in lines:
                file.write(line)
                if shown := self._message(line):
                    status.update(shown)

    def _message(self, line: str) -> str | None:
        self.last_line = line.strip() or self.last_line
        found = _MESSAGE.search(line)
        if not found:
            return None
        self.run_id = found["run"]
        level, step, text = found["level"], found["step"] or "", found["text"]
        # The traceback that follows an error is for the log; its reason is told at the end.
        if level not in ("ERROR", "CRITICAL"):
            self.console.print(
                f"  {step:<19} {text}", style=_STYLES.get(level), markup=False, highlight=False
            )
        return f"{step}: working"


def _prune(logs: Path) -> None:
    """Remove the oldest logs; their names sort by time."""
    for old in sorted(logs.glob("main-job-*.log"))[: -(_LOGS_KEPT - 1)]:
        old.unlink(missing_ok=True)
