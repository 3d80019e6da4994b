"""A real Redis for tests: the server of Debian's package redis-server, with a password."""

import shutil
import socket
import subprocess
from collections.abc import Sequence
from time import monotonic, sleep

import pytest

PASSWORD = "sesame0pen"  # noqa: S105 - planted
_READY_WITHIN = 30.0

needs_redis = pytest.mark.skipif(
    not shutil.which("redis-server"),
    reason="redis-server is not installed (Debian: redis-server)",
)


class Redis:
    """A server without persistence: it is empty each time that it starts.

    Parameters
    ----------
    settings
        Lines of its configuration beside password and address; without any it listens on `port`.
    """

    def __init__(self, settings: Sequence[str] = ()) -> None:
        with socket.create_server(("127.0.0.1", 0)) as listener:
            self.port: int = listener.getsockname()[1]
        self._settings = [one.format(port=self.port) for one in settings or ["port {port}"]]
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """Its URL, with the password."""
        return f"redis://:{PASSWORD}@127.0.0.1:{self.port}/0"

    def start(self) -> None:
        """Start it, and wait until it listens."""
        process = subprocess.Popen(
            ["redis-server", "-"], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL
        )
        assert process.stdin
        lines = [*self._settings, "bind 127.0.0.1", f"requirepass {PASSWORD}", 'save ""']
        process.stdin.write("\n".join(lines).encode())
        process.stdin.close()
        self._process = process
        deadline = monotonic() + _READY_WITHIN
        while not self._listens():
            assert monotonic() < deadline, "Redis does not listen"
            sleep(0.05)

    def kill(self) -> None:
        """Kill it, as a lost machine does, if it runs."""
        if self._process:
            self._process.kill()
            self._process.wait()
            self._process = None

    def _listens(self) -> bool:
        with socket.socket() as client:
            return client.connect_ex(("127.0.0.1", self.port)) == 0
