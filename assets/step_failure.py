"""How a step fails for a reason that people can act on: by one line, without a traceback.

Where a step raises, Dagster shows the exception's class first, and below the line every call that
led to it; of a `dagster.Failure` too. The error of another process it shows as it came. That is
not documented; only this module knows it, and a test sees what the UI is sent.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import dagster as dg
from dagster._core.errors import DagsterUserCodeProcessError
from dagster_shared.error import SerializableErrorInfo

from resources.redaction import redact_text
from strategies.errors import GauntletError


class StepFailedError(dg.Failure, DagsterUserCodeProcessError):
    """The failure of a step, of which one line is all that is to be shown; never retried."""

    def __init__(self, line: str) -> None:
        line = redact_text(line)
        self.description, self.metadata, self.allow_retries = line, {}, False
        shown = SerializableErrorInfo(message=line, stack=[], cls_name=dg.Failure.__name__)
        DagsterUserCodeProcessError.__init__(self, line, user_code_process_error_infos=[shown])


@contextmanager
def failing_in_one_line() -> Iterator[None]:
    """Fail the step, by one line, where what a user gave is refused.

    Raises
    ------
    StepFailedError
        With the message of a `GauntletError`.
    """
    try:
        yield
    except GauntletError as error:
        raise StepFailedError(str(error)) from None
