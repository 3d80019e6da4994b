"""A circuit breaker: a provider that fails many times in a row is not asked for a while.

Own, and not a library's: pybreaker holds its lock while it calls, so that threads would ask one
after the other, and purgatory lets every caller through as soon as one may try again.
"""

import logging
import threading
import time
from collections.abc import Callable

from resources.market_data.source import SourceUnavailableError

_LOG = logging.getLogger(__name__)


class CircuitOpenError(SourceUnavailableError):
    """The provider was not asked, because it has failed too often of late."""


class CircuitBreaker:
    """Closed, open or half open; one per provider and process, for any number of threads.

    Parameters
    ----------
    provider
        Its name, for errors and the log.
    max_failures
        So many failures in a row, without a success in between, open the circuit.
    rest_seconds
        How long it stays open. Then it is half open: one caller tries, whose success closes it and
        whose failure opens it for as long again.
    clock
        Monotonic seconds.
    """

    def __init__(
        self,
        provider: str,
        max_failures: int,
        rest_seconds: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._provider = provider
        self._max_failures = max_failures
        self._rest = rest_seconds
        self._clock = clock
        self._lock = threading.Lock()
        self._failures = 0
        self._opened_at: float | None = None
        # The thread that tries while it is half open.
        self._trying: int | None = None
        self._reason = ""

    def before_call(self) -> None:
        """Let the caller ask, whose thread must then call one of the other methods.

        Raises
        ------
        CircuitOpenError
            While the circuit is open, or half open and another caller is trying.
        """
        with self._lock:
            if self._opened_at is None:
                return
            left = self._opened_at + self._rest - self._clock()
            if left > 0 or self._trying is not None:
                raise self._open_error(max(left, 0.0))
            self._trying = threading.get_ident()

    def record_success(self) -> None:
        """Record an answer, whatever it says of the symbol; it closes the circuit."""
        with self._lock:
            if self._opened_at is not None:
                _LOG.warning("%s: circuit closed, the provider answers again", self._provider)
            self._failures, self._opened_at, self._trying = 0, None, None

    def record_failure(self, error: Exception) -> None:
        """Record that there was no answer; many in a row open the circuit."""
        with self._lock:
            self._failures += 1
            self._reason = str(error)
            if self._failures < self._max_failures:
                return
            # A late failure of a call that began before it opened does not prolong the rest.
            if self._opened_at is None or self._is_trying():
                self._opened_at, self._trying = self._clock(), None
                _LOG.warning("%s", self._open_error(self._rest))

    def release(self) -> None:
        """Record that the provider was not asked after all."""
        with self._lock:
            if self._is_trying():
                self._trying = None

    def _is_trying(self) -> bool:
        """Return whether the caller tries; others may have begun before the circuit opened."""
        return self._trying == threading.get_ident()

    def _open_error(self, left: float) -> CircuitOpenError:
        return CircuitOpenError(
            f"circuit of '{self._provider}' open after {self._failures} failures; next attempt in "
            f"{left:.0f} s; last failure: {self._reason}",
            retry_after=left,
        )
