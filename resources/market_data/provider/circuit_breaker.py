"""A circuit breaker: who has failed many times in a row is left alone for a while.

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
    """Closed, open, or half open; one for each provider and process, for any number of threads.

    Parameters
    ----------
    provider
        Its name, for errors and the log.
    failures
        So many failures of the provider in a row, nobody in between having had an answer, open it.
    rest_seconds
        For so long nobody asks. Then it is half open: one caller tries, and its answer closes the
        circuit, while its failure opens it for as long again.
    clock
        Seconds that never go back.
    """

    def __init__(
        self,
        provider: str,
        failures: int,
        rest_seconds: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._provider = provider
        self._most = failures
        self._rest = rest_seconds
        self._clock = clock
        self._lock = threading.Lock()
        self._failed = 0
        self._opened_at: float | None = None
        self._trying = False
        self._reason = ""

    def before(self) -> None:
        """Let the caller ask, who must then report `answered`, `failed` or `withdrew`.

        Raises
        ------
        CircuitOpenError
            While the circuit is open, or somebody else tries whether it may be closed.
        """
        with self._lock:
            if self._opened_at is None:
                return
            left = self._opened_at + self._rest - self._clock()
            if left > 0 or self._trying:
                raise self._open_error(max(left, 0.0))
            self._trying = True

    def answered(self) -> None:
        """Report an answer, whatever it says of the symbol; it closes the circuit."""
        with self._lock:
            if self._opened_at is not None:
                _LOG.warning("%s answers again: its circuit is closed.", self._provider)
            self._failed, self._opened_at, self._trying = 0, None, False

    def failed(self, reason: Exception) -> None:
        """Report that there was no answer; many in a row open the circuit."""
        with self._lock:
            self._failed += 1
            self._reason = str(reason)
            if self._failed < self._most:
                return
            if self._opened_at is None or self._trying:
                self._opened_at, self._trying = self._clock(), False
                _LOG.warning(
                    "%s has failed %d times in a row: its circuit is open, and nobody asks for "
                    "%g s. The last failure: %s",
                    self._provider,
                    self._failed,
                    self._rest,
                    self._reason,
                )

    def withdrew(self) -> None:
        """Report that the provider was not asked after all."""
        with self._lock:
            self._trying = False

    def _open_error(self, left: float) -> CircuitOpenError:
        return CircuitOpenError(
            f"'{self._provider}' was not asked: it has failed {self._failed} times in a row and is "
            f"left alone for another {left:.0f} s. The last failure: {self._reason}",
            retry_after=left,
        )
