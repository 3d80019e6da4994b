"""What a run tells while it runs: messages on the terminal, all but bookkeeping in the log."""

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import dagster as dg
from dagster import DagsterEventType
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, SpinnerColumn, Task, TextColumn
from rich.progress import Progress as Bar
from rich.text import Text

from assets.progress import watched_by
from pipelines.cli.terminal import print_wrapped

_LOG = logging.getLogger(__name__)
_LOG.setLevel(logging.DEBUG)
_REFRESHES_PER_SECOND = 12.5
_TEXT_COLUMN = 22
_WHOLE = 10
# Of a line with the longest name of a step and 10,000 symbols, all but the bar.
_BESIDE_BAR = 53

# One for each asset and symbol, 1,500 in a run over the universe: the event log has them.
_BOOKKEEPING = {
    DagsterEventType.ASSET_MATERIALIZATION_PLANNED,
    DagsterEventType.ASSET_MATERIALIZATION,
    DagsterEventType.ASSET_FAILED_TO_MATERIALIZE,
    DagsterEventType.ASSET_CHECK_EVALUATION_PLANNED,
    DagsterEventType.STEP_OUTPUT,
}


class _Rate(TextColumn):
    """How many per second, and how long the rest will take; empty until that is known."""

    def __init__(self) -> None:
        super().__init__("")

    def render(self, task: Task) -> Text:
        if task.total is None or not task.speed or task.time_remaining is None:
            return Text("")
        minutes, seconds = divmod(round(task.time_remaining), 60)
        rate = f"{task.speed:.0f}" if task.speed >= _WHOLE else f"{task.speed:.1f}"
        return Text(f"{rate}/s, {minutes}:{seconds:02} left")


class _Count(MofNCompleteColumn):
    """How many of all; empty for a step that counts nothing."""

    def render(self, task: Task) -> Text:
        return Text("") if task.total is None else super().render(task)


class Progress:
    """Listens to a run's event log: call it with each entry.

    Attributes
    ----------
    broken_checks
        The checks that did not pass, warnings included, in the order of their evaluation.
    """

    def __init__(self, console: Console, clock: Callable[[], float] = time.monotonic) -> None:
        self.broken_checks: list[dg.AssetCheckEvaluation] = []
        self._console = console
        # The streams are left alone: Dagster redirects them, as descriptors.
        self._bar = Bar(
            SpinnerColumn(),
            TextColumn("{task.description}"),
            BarColumn(bar_width=max(5, min(40, console.width - _BESIDE_BAR))),
            _Count(),
            _Rate(),
            console=console,
            refresh_per_second=_REFRESHES_PER_SECOND,
            transient=True,
            disable=not console.is_terminal,
            redirect_stdout=False,
            redirect_stderr=False,
            get_time=clock,
        )
        self._task = self._bar.add_task("Planning the run", total=None)

    @contextmanager
    def shown(self) -> Iterator[None]:
        """Show which step is at work and how far it is, where the console is a terminal."""
        with self._bar, watched_by(self._advance):
            yield

    def refresh(self) -> None:
        """Draw the bar now, not at its next turn."""
        self._bar.refresh()

    def say(self, line: str) -> None:
        """Show a line of our own."""
        print_wrapped(self._console, line)

    def __call__(self, entry: dg.EventLogEntry) -> None:
        """Log an entry of the event log; show it if it is a message."""
        kind, level = entry.dagster_event_type, int(entry.level)
        if kind not in _BOOKKEEPING:
            _LOG.log(level, _format_line(entry))
        if kind == DagsterEventType.ASSET_CHECK_EVALUATION and entry.dagster_event:
            evaluation = entry.dagster_event.asset_check_evaluation_data
            self.broken_checks += [] if evaluation.passed else [evaluation]
        if kind == DagsterEventType.STEP_START:
            self._bar.remove_task(self._task)
            self._task = self._bar.add_task(str(entry.step_key), total=None)
            self.refresh()
        # The reason of an error is printed at the end.
        if kind is None and logging.INFO <= level < logging.ERROR:
            text = entry.user_message.partition("\n")[0]
            style = "yellow" if level >= logging.WARNING else None
            line = f"  {entry.step_key or '':<{_TEXT_COLUMN - 3}} {text}"
            print_wrapped(self._console, line, _TEXT_COLUMN, style)

    def _advance(self, done: int, total: int) -> bool:
        """Move the bar; return whether anybody sees it."""
        self._bar.update(self._task, completed=done, total=total)
        return self._console.is_terminal


def _format_line(entry: dg.EventLogEntry) -> str:
    kind = entry.dagster_event_type
    parts = [entry.step_key or entry.run_id, kind.value if kind else None, entry.message]
    return " - ".join(part for part in parts if part) + _format_error(entry)


def _format_error(entry: dg.EventLogEntry) -> str:
    """Return the error of an event with its traceback; nothing where there is none."""
    data = entry.dagster_event.event_specific_data if entry.dagster_event else None
    error = getattr(data, "error", None)
    return f"\n{getattr(data, 'error_display_string', error.to_string())}" if error else ""
