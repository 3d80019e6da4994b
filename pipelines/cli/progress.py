"""What a run tells while it runs: messages on the terminal, all but bookkeeping in the log."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager

import dagster as dg
from dagster import DagsterEventType
from rich.console import Console
from rich.live import Live
from rich.spinner import Spinner

_LOG = logging.getLogger(__name__)
_LOG.setLevel(logging.DEBUG)
_REFRESHES_PER_SECOND = 12.5

# One for each asset and symbol, 2,700 in a run over the universe: the event log has them.
_BOOKKEEPING = {
    DagsterEventType.ASSET_MATERIALIZATION_PLANNED,
    DagsterEventType.ASSET_MATERIALIZATION,
    DagsterEventType.ASSET_FAILED_TO_MATERIALIZE,
    DagsterEventType.ASSET_CHECK_EVALUATION_PLANNED,
    DagsterEventType.STEP_OUTPUT,
}


class Progress:
    """Listens to a run's event log: call it with each entry.

    Attributes
    ----------
    broken_checks
        The checks that did not pass, warnings included, in the order of their evaluation.
    """

    def __init__(self, console: Console) -> None:
        self.broken_checks: list[dg.AssetCheckEvaluation] = []
        self._console = console
        self._spinner = Spinner("dots", "Planning the run")

    @contextmanager
    def shown(self) -> Iterator[None]:
        """Show which step is at work, where the console is a terminal."""
        # The streams are left alone: Dagster redirects them, as descriptors.
        with Live(
            self._spinner,
            console=self._console,
            refresh_per_second=_REFRESHES_PER_SECOND,
            transient=True,
            redirect_stdout=False,
            redirect_stderr=False,
        ):
            yield

    def __call__(self, entry: dg.EventLogEntry) -> None:
        """Log an entry of the event log; show it if it is a message."""
        kind, level = entry.dagster_event_type, int(entry.level)
        if kind not in _BOOKKEEPING:
            _LOG.log(level, _format_line(entry))
        if kind == DagsterEventType.ASSET_CHECK_EVALUATION and entry.dagster_event:
            evaluation = entry.dagster_event.asset_check_evaluation_data
            self.broken_checks += [] if evaluation.passed else [evaluation]
        if kind == DagsterEventType.STEP_START:
            self._spinner.update(text=f"{entry.step_key}: working")
        # The reason of an error is printed at the end.
        if kind is None and logging.INFO <= level < logging.ERROR:
            text = entry.user_message.partition("\n")[0]
            self._console.print(
                f"  {entry.step_key or '':<19} {text}",
                style="yellow" if level >= logging.WARNING else None,
                markup=False,
                highlight=False,
            )


def _format_line(entry: dg.EventLogEntry) -> str:
    kind = entry.dagster_event_type
    parts = [entry.step_key or entry.run_id, kind.value if kind else None, entry.message]
    return " - ".join(part for part in parts if part) + _format_error(entry)


def _format_error(entry: dg.EventLogEntry) -> str:
    """Return the error of an event with its traceback; nothing where there is none."""
    data = entry.dagster_event.event_specific_data if entry.dagster_event else None
    error = getattr(data, "error", None)
    return f"\n{getattr(data, 'error_display_string', error.to_string())}" if error else ""
