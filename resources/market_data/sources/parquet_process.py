"""Reads Parquet files of unknown origin in another process, whose memory is limited.

A kilobyte of Parquet may unpack to gigabytes, whatever its footer claims, and a flipped bit may ask
for more memory than there is, which ends the process that reads it. The limit is on the memory that
is really taken; where it is exceeded, that process ends, this one goes on, and the file is refused.
Started for the first file, for 0.3 s, and kept for those that follow.

``python -m resources.market_data.sources.parquet_process 5`` is that other process, connected by
the file descriptor 5.
"""

from __future__ import annotations

import atexit
import io
import json
import os
import subprocess
import sys
import threading
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from typing import TYPE_CHECKING

from resources.market_data.source import MarketDataError
from resources.market_data.sources.tables.table import RefusedContentError

if TYPE_CHECKING:
    from collections.abc import Mapping

    import polars as pl

MOST_UNPACKED = 512 * 2**20
"""Of memory, for the columns of bars and for unpacking them. A million rows, the most that are
allowed, are 56 MiB of numbers."""

MOST_SECONDS = 60.0
"""A file of a million rows is read within one."""

_REFUSED = (
    f"it is damaged, or takes more than {MOST_UNPACKED // 2**20} MiB or {MOST_SECONDS:.0f} s to "
    "unpack, which is what is allowed"
)


class ParquetProcess:
    """The other process, and the connection to it. Any number of threads may ask it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._connection: Connection | None = None
        atexit.register(self.close)

    def read(
        self, content: bytes, columns: Mapping[str, str], symbol: str
    ) -> tuple[pl.DataFrame, tuple[str, ...]]:
        """Return the columns of a Parquet file that may be of use, and their names.

        Raises
        ------
        RefusedContentError
            With what is wrong with it, and where the other process ended over it.
        MarketDataError
            When the other process can't be started.
        """
        import polars as pl

        with self._lock:
            if self._process is not None and self._process.poll() is not None:
                self.close()  # killed while it waited: this file is not why
            connection = self._connection or self._start()
            try:
                names, cells = _ask(connection, content, columns, symbol)
            except (EOFError, OSError) as error:
                self.close()
                raise RefusedContentError(_REFUSED) from error
        return pl.read_ipc_stream(io.BytesIO(cells)), tuple(names)

    def close(self) -> None:
        """End the other process, if there is one; the next file starts another."""
        if self._connection is not None:
            self._connection.close()
        if self._process is not None:
            self._process.kill()
            self._process.wait()
        self._process = self._connection = None

    def _start(self) -> Connection:
        self._connection, other = Pipe()
        with other:
            # One thread each: their stacks count as memory, and a file is small.
            one = dict.fromkeys(("POLARS_MAX_THREADS", "OPENBLAS_NUM_THREADS"), "1")
            self._process = subprocess.Popen(  # noqa: S603 - this module, by this interpreter
                [sys.executable, "-m", __name__, str(other.fileno())],
                env={**os.environ, **one, "PYTHONPATH": os.pathsep.join(sys.path)},
                pass_fds=[other.fileno()],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )
        try:
            self._connection.recv_bytes()  # it is ready
        except (EOFError, OSError) as error:
            code = self._process.wait()
            self.close()
            raise MarketDataError(
                f"The process that reads Parquet files ended at its start (exit code {code})."
            ) from error
        return self._connection


def _ask(
    connection: Connection, content: bytes, columns: Mapping[str, str], symbol: str
) -> tuple[list[str], bytes]:
    connection.send((content, dict(columns), symbol))
    if not connection.poll(MOST_SECONDS):
        raise TimeoutError
    # Never unpickled: a hostile file may have got hold of the other process.
    answer = json.loads(connection.recv_bytes(MOST_UNPACKED))
    if "refused" in answer:
        raise RefusedContentError(answer["refused"])
    return answer["names"], connection.recv_bytes(MOST_UNPACKED)


def _serve(connection: Connection) -> None:
    """Answer until the other side is gone."""
    from resources.files.unreadable import UNREADABLE
    from resources.market_data.sources.parquet_columns import select_columns

    _warm_up()
    _limit_memory()
    connection.send_bytes(b"ready")
    while True:
        try:
            content, columns, symbol = connection.recv()
        except EOFError:
            return
        cells = io.BytesIO()
        try:
            table, names = select_columns(content, columns, symbol)
            table.write_ipc_stream(cells)
        except (RefusedContentError, *UNREADABLE) as error:
            reason = str(error).partition("\n")[0]
            connection.send_bytes(json.dumps({"refused": reason}).encode())
            continue
        connection.send_bytes(json.dumps({"names": names}).encode())
        connection.send_bytes(cells.getbuffer())


def _warm_up() -> None:
    """Start what is started once, so that it does not count as the memory of a file."""
    import polars as pl

    content = io.BytesIO()
    pl.DataFrame({"x": [1.0]}).write_parquet(content)
    pl.read_parquet(io.BytesIO(content.getvalue()))


def _limit_memory() -> None:
    """Limit what the files may take of the address space, beyond what is taken already.

    Where a system has no such limit (macOS), this process can at least end by itself.
    """
    import resource

    import psutil

    taken = psutil.Process().memory_info().vms
    hard = resource.getrlimit(resource.RLIMIT_AS)[1]
    limit = taken + MOST_UNPACKED
    if hard != resource.RLIM_INFINITY:
        limit = min(limit, hard)
    try:
        resource.setrlimit(resource.RLIMIT_AS, (limit, hard))
    except (ValueError, OSError):
        return


if __name__ == "__main__":
    _serve(Connection(int(sys.argv[1])))
