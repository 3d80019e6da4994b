"""The events of a run that the terminal shows."""

import io
import logging

import dagster as dg
import pytest
from rich.console import Console

from pipelines.cli.progress import Progress

YELLOW = "\x1b[33m"


def _entry(level: int, message: str) -> dg.EventLogEntry:
    return dg.EventLogEntry(None, level, message, "run", 0.0, "prices", "job", None)


def _shown(level: int, message: str) -> str:
    file = io.StringIO()
    console = Console(file=file, width=80, force_terminal=True, color_system="standard")
    Progress(console)(_entry(level, message))
    return file.getvalue()


def test_a_message_is_shown_beside_its_step():
    assert _shown(logging.INFO, "7 of [7] symbols") == "  prices              7 of [7] symbols\n"


def test_a_warning_is_yellow():
    assert _shown(logging.WARNING, "slow").startswith(YELLOW)


@pytest.mark.parametrize("level", [logging.DEBUG, logging.ERROR, logging.CRITICAL])
def test_errors_and_debug_messages_are_only_logged(level: int, caplog: pytest.LogCaptureFixture):
    assert _shown(level, "what happened") == ""
    assert caplog.messages == ["prices - what happened"]


def test_only_the_first_line_of_a_message_is_shown(caplog: pytest.LogCaptureFixture):
    assert _shown(logging.INFO, "first\nsecond").splitlines() == ["  prices              first"]
    assert caplog.messages == ["prices - first\nsecond"]
