"""Failures as values: error class, message, and whether the error is transient."""

import pytest

from engine.failure import Failure
from resources.market_data.bars import BadBarsError
from resources.market_data.source import SourceUnavailableError
from resources.result_store.errors import DatabaseUnreachableError


def test_a_failure_has_the_error_class_and_a_one_line_message() -> None:
    failure = Failure.of("AAPL", ValueError("first\nand  second"), "rsi")
    assert failure == Failure("AAPL", "ValueError", "first and second", "rsi", transient=False)


@pytest.mark.parametrize(
    ("error", "transient"),
    [
        (SourceUnavailableError("asked too often"), True),
        (DatabaseUnreachableError("away"), True),
        (DatabaseUnreachableError("wrong password", transient=False), False),
        (ConnectionResetError("reset"), True),
        (TimeoutError("too slow"), True),
        (BadBarsError("high below low"), False),
        (OSError(28, "No space left on device"), False),
        (ZeroDivisionError("a bug"), False),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else str(value),
)
def test_only_transient_errors_are_marked_transient(error: Exception, transient: bool) -> None:
    assert Failure.of("AAPL", error).transient is transient
