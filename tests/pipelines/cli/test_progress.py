"""The events of a run that the terminal shows."""

import io
import itertools
import logging
import re

import dagster as dg
import pytest
from rich.console import Console

from assets.progress import StepProgress
from pipelines.cli.progress import Progress
from tests.pipelines.cli.screen import read_screen

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


def _start(step: str) -> dg.EventLogEntry:
    event = dg.DagsterEvent("STEP_START", "job", step_key=step)
    return dg.EventLogEntry(None, logging.DEBUG, "", "run", 0.0, step, "job", event)


@pytest.mark.parametrize("width", [60, 80])
def test_a_bar_shows_the_count_the_rate_and_the_rest(width: int):
    file, now = io.StringIO(), itertools.count()
    console = Console(file=file, width=width, force_terminal=True)
    progress = Progress(console, clock=lambda: now.__next__() / 100)
    with progress.shown():
        progress(_start("backtest_summaries"))
        work = StepProgress(dg.build_asset_context(), 10_000, "symbols saved")
        for done in (1000, 2000, 3000):
            work.reach(done)
        progress.refresh()
        (bar,) = read_screen(file.getvalue(), width)
        progress(_start("leaderboard"))
        progress.refresh()
        (next_bar,) = read_screen(file.getvalue(), width)
    assert re.search(r"^. backtest_summaries [━╸╺ ]+ +3000/10000 \d+/s, \d+:\d\d left$", bar)
    assert next_bar.split()[1] == "leaderboard"
    assert "/" not in next_bar, "nothing is known yet of the next step"
    assert read_screen(file.getvalue(), width) == []


def test_there_are_no_control_codes_without_a_terminal():
    file = io.StringIO()
    progress = Progress(Console(file=file, width=60))
    with progress.shown():
        progress(_start("prices"))
        StepProgress(dg.build_asset_context(), 10, "symbols fetched").reach(10)
        progress(_entry(logging.WARNING, "a feed is slow, so slow that one line is not enough"))
    assert file.getvalue() == (
        "  prices              a feed is slow, so slow that one line\n"
        "                      is not enough\n"
    )


def test_only_the_first_line_of_a_message_is_shown(caplog: pytest.LogCaptureFixture):
    assert _shown(logging.INFO, "first\nsecond").splitlines() == ["  prices              first"]
    assert caplog.messages == ["prices - first\nsecond"]
