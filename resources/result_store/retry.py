"""Retries of what fails with a transient error of the database; other errors are raised at once.

Everything that the store does is one transaction that can be repeated: a save whose commit was
lost on the way finds the rows that it wrote, and writes them again. So is a process's first call,
in which the schema is looked at and upgraded.
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

RETRY_TIMEOUT_SECONDS = 30.0
"""A server that is restarted is back within seconds, one that recovers from a crash within some
ten; an outage that lasts longer is reported."""

_FIRST_WAIT, _LONGEST_WAIT = 0.1, 5.0

_LOG = logging.getLogger(__name__)

P = ParamSpec("P")
Result = TypeVar("Result")

_TRANSIENT_STATES = (
    "08",  # the connection broke
    "40001",  # another transaction was faster; repeated, this one sees what it did
    "40P01",  # two transactions waited for each other, and this one was chosen to give way
    "53300",  # too many connections; others end
    "57P",  # the server is shutting down or starting up
)
"""What transient SQLSTATEs begin with. All others are permanent: a login or a database that does
not exist (28, 3D), a statement or a row that is refused (22, 23, 42), a disk that is full (53100).
"""

_TRANSIENT_REFUSALS = (
    "starting up",
    "shutting down",
    "recovery mode",
    "not yet accepting connections",
    "too many clients",
    "connection slots",
)


_UNKNOWN_HOST = (
    "Name or service not known",
    "nodename nor servname",
    "No address associated with hostname",
    "label empty or too long",
    "label too long",
)
"""What resolvers say of a name that does not exist, on Linux, macOS and in Python."""


def get_sqlstate(error: BaseException) -> str | None:
    """Return the server's code for an error; None where it never answered."""
    original = error.orig if isinstance(error, DBAPIError) else error
    return original.sqlstate if isinstance(original, psycopg.Error) else None


def is_transient(error: BaseException) -> bool:
    """Return whether the next try may succeed after this error of the driver."""
    state = get_sqlstate(error)
    if state is not None:
        return state.startswith(_TRANSIENT_STATES)
    # Without a code the server did not answer; or it refused the connection, which the driver
    # reports as text alone.
    text = str(error)
    return "FATAL" not in text or any(phrase in text for phrase in _TRANSIENT_REFUSALS)


def names_no_host(error: BaseException) -> bool:
    """Return whether the host's name does not exist.

    In a first call it is misspelled. Later on it was known, and the name of a container that is
    being restarted comes back.
    """
    return any(phrase in str(error) for phrase in _UNKNOWN_HOST)


def retry_transient(
    operation: Callable[Concatenate[sa.Engine, P], Result],
) -> Callable[Concatenate[sa.Engine, P], Result]:
    """Repeat an operation on an engine until it succeeds, fails for good or the time is up.

    Waits grow from 0.1 to 5 seconds, with a random part, so that clients that lost one server do
    not all reconnect at once.
    """

    @wraps(operation)
    def retrying_operation(engine: sa.Engine, /, *args: P.args, **kwargs: P.kwargs) -> Result:
        options = engine.get_execution_options()
        retrying = Retrying(
            stop=stop_after_delay(options.get("gauntlet_retry_timeout", 0.0)),
            wait=wait_exponential_jitter(
                multiplier=_FIRST_WAIT, max=_LONGEST_WAIT, jitter=_FIRST_WAIT
            ),
            retry=retry_if_exception(_should_retry),
            before_sleep=lambda state: _log_failed_try(
                state, options.get("gauntlet_restart_server")
            ),
            reraise=True,
        )
        return retrying(operation, engine, *args, **kwargs)

    return retrying_operation


def with_retry_timeout(
    engine: sa.Engine, seconds: float, restart_server: Callable[[], object] | None = None
) -> sa.Engine:
    """Return the same engine, on which operations are retried for so many seconds.

    `restart_server` is called before each new try; it starts the embedded server if it was killed.
    """
    return engine.execution_options(
        gauntlet_retry_timeout=seconds, gauntlet_restart_server=restart_server
    )


def _should_retry(error: BaseException) -> bool:
    if isinstance(error, DatabaseUnreachableError):
        return error.transient
    return isinstance(error, (DBAPIError, psycopg.Error)) and (
        get_sqlstate(error) is not None and is_transient(error)
    )


def _log_failed_try(state: RetryCallState, restart_server: Callable[[], object] | None) -> None:
    error = state.outcome.exception() if state.outcome else None
    wait = state.next_action.sleep if state.next_action else 0.0
    line = next(iter(str(error).splitlines()), type(error).__name__)
    _LOG.warning("Try %d failed; next try in %.1f s. %s", state.attempt_number, wait, line)
    if restart_server is not None:
        try:
            restart_server()
        except EmbeddedPostgresError as reason:
            _LOG.warning("%s", reason)
