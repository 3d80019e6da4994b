"""Errors of the database that pass, and those that stay: the former are tried again, for a while.

Everything that the store does is one transaction that can be repeated: a save whose commit was
lost on the way finds the rows that it wrote, and writes them again.
"""

import logging
from collections.abc import Callable
from functools import wraps
from typing import Concatenate, ParamSpec, TypeVar

import psycopg
import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError
from tenacity import (
    RetryCallState,
    Retrying,
    retry_if_exception,
    stop_after_delay,
    wait_exponential_jitter,
)

from resources.result_store.errors import DatabaseUnreachableError, EmbeddedPostgresError

PATIENCE_SECONDS = 30.0
"""A server that is restarted is back within seconds, one that recovers from a crash within some
ten; who waits longer than this had better be told."""

_FIRST_WAIT, _LONGEST_WAIT = 0.1, 5.0

_LOG = logging.getLogger(__name__)

P = ParamSpec("P")
Answer = TypeVar("Answer")

_PASSING = {
    "08": "the connection broke",
    "40001": "another transaction was faster; repeated, this one sees what it did",
    "40P01": "two transactions waited for each other, and this one was chosen to give way",
    "53300": "too many connections; others end",
    "57P": "the server is shutting down or starting up",
}
"""What SQLSTATEs begin with that pass. All others stay: a login or a database that does not exist
(28, 3D), a statement or a row that is refused (22, 23, 42), a disk that is full (53100)."""


_PASSING_REFUSALS = (
    "starting up",
    "shutting down",
    "recovery mode",
    "not yet accepting connections",
    "too many clients",
    "connection slots",
)


def sqlstate_of(error: BaseException) -> str | None:
    """Return the server's code for an error; None where it never answered."""
    original = error.orig if isinstance(error, DBAPIError) else error
    return original.sqlstate if isinstance(original, psycopg.Error) else None


def passes(error: BaseException) -> bool:
    """Return whether an error of the driver may be gone at the next try."""
    state = sqlstate_of(error)
    if state is not None:
        return state.startswith(tuple(_PASSING))
    # Without a code there was no answer, the server is away; or it refused the connection, which
    # the driver tells in words alone.
    words = str(error)
    return "FATAL" not in words or any(phrase in words for phrase in _PASSING_REFUSALS)


def retried(
    operation: Callable[Concatenate[sa.Engine, P], Answer],
) -> Callable[Concatenate[sa.Engine, P], Answer]:
    """Repeat an operation on an engine until it succeeds, fails for good or patience ends.

    Waits grow from 0.1 to 5 seconds, with a random part, so that many who lost one server do not
    come back all at once.
    """

    @wraps(operation)
    def patiently(engine: sa.Engine, /, *args: P.args, **kwargs: P.kwargs) -> Answer:
        options = engine.get_execution_options()
        retrying = Retrying(
            stop=stop_after_delay(options.get("gauntlet_patience", 0.0)),
            wait=wait_exponential_jitter(
                multiplier=_FIRST_WAIT, max=_LONGEST_WAIT, jitter=_FIRST_WAIT
            ),
            retry=retry_if_exception(_is_transient),
            before_sleep=lambda state: _told(state, options.get("gauntlet_revive")),
            reraise=True,
        )
        return retrying(operation, engine, *args, **kwargs)

    return patiently


def patient(
    engine: sa.Engine, seconds: float, revive: Callable[[], object] | None = None
) -> sa.Engine:
    """Return the same engine, on which operations are retried for so many seconds.

    `revive` is called before each new try; it starts a server that is our own to start.
    """
    return engine.execution_options(gauntlet_patience=seconds, gauntlet_revive=revive)


def _is_transient(error: BaseException) -> bool:
    if isinstance(error, DatabaseUnreachableError):
        return error.transient
    return isinstance(error, (DBAPIError, psycopg.Error)) and (
        sqlstate_of(error) is not None and passes(error)
    )


def _told(state: RetryCallState, revive: Callable[[], object] | None) -> None:
    error = state.outcome.exception() if state.outcome else None
    wait = state.next_action.sleep if state.next_action else 0.0
    line = next(iter(str(error).splitlines()), type(error).__name__)
    _LOG.warning("Try %d failed, the next follows in %.1f s. %s", state.attempt_number, wait, line)
    if revive is not None:
        try:
            revive()
        except EmbeddedPostgresError as reason:
            _LOG.warning("%s", reason)
