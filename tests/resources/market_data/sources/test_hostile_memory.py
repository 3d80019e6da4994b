"""Hostile files and answers are refused within bounds of memory, each by its own line.

Fetched by another process, whose peak of memory is what the system measured.
"""

import gzip
import io
import json
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import suppress
from datetime import date
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import repeat
from pathlib import Path

import polars as pl
import pytest

from resources.files.regular_file import RefusedFileError, read_regular
from resources.market_data.sources.parquet_process import ParquetProcess
from tests.flips import flip_bits

CSV = b"date,open,high,low,close,volume\n2021-01-04,10,12,9,11,1000\n"
PRICES = ("open", "high", "low", "close", "volume")
PROJECT = Path(__file__).parents[4]
ROWS = 12_000_000
MOST_MB = 900
"""The peak of a process that reads a good file is 200."""


def _fetch(prices: str, symbols: list[str]) -> dict[str, str]:
    """Return what each symbol raised in another process, whose memory has stayed in bounds."""
    command = [sys.executable, "-m", "tests.resources.market_data.sources.hostile", prices]
    ended = subprocess.run(
        [*command, *symbols], capture_output=True, timeout=180, check=False, cwd=PROJECT
    )
    assert ended.returncode == 0, ended.stderr.decode()[-2000:]
    told = json.loads(ended.stdout)
    assert told["peak"] < MOST_MB, told
    return told["raised"]


def _parquet(folder: Path, symbol: str, frame: pl.DataFrame) -> Path:
    path = folder / f"{symbol}.parquet"
    frame.write_parquet(path, compression="zstd")
    assert path.stat().st_size < 2**20
    return path


def _varint(number: int, size: int = 0) -> bytes:
    """Return a number as Parquet's footer has it, with zeros to fill up a size."""
    zigzag, out = number << 1, bytearray()
    while zigzag > 0x7F:
        out.append(zigzag & 0x7F | 0x80)
        zigzag >>= 7
    out.append(zigzag)
    while len(out) < size:
        out[-1] |= 0x80
        out.append(0)
    return bytes(out)


def _plant_parquet(folder: Path) -> None:
    """Write small files that unpack to gigabytes, each in a way of its own."""
    day, number = date(2021, 1, 4), pl.Series([1.0])
    one = dict.fromkeys(PRICES, number)
    lists = pl.Series("date", [pl.repeat(1, ROWS, eager=True)])
    _parquet(folder, "LISTS", pl.DataFrame({"date": lists, **one}))
    _parquet(folder, "PAGE", pl.DataFrame({"date": ["a" * (560 * 2**20)], **one}))
    many = {name: pl.repeat(1.0, ROWS, eager=True) for name in PRICES}
    days = pl.repeat(day, ROWS, eager=True)
    honest = _parquet(folder, "ROWS", pl.DataFrame({"date": days, **many})).read_bytes()
    # The footer claims one row; the pages have twelve million.
    lying = honest.replace(_varint(ROWS), _varint(1, len(_varint(ROWS))))
    assert lying != honest
    (folder / "LIES.parquet").write_bytes(lying)
    few = {name: pl.repeat(1.0, 900_000, eager=True) for name in PRICES}
    texts = pl.repeat("2021-01-04" + " " * 3300, 900_000, eager=True)
    _parquet(folder, "TEXTS", pl.DataFrame({"date": texts, **few}))


def test_no_file_takes_more_memory_than_allowed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    os.mkfifo(tmp_path / "FIFO.csv")
    (tmp_path / "ZERO.csv").symlink_to("/dev/zero")
    (tmp_path / "FOLDER.csv").mkdir()
    monkeypatch.chdir(tmp_path)  # the path of a socket is short
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind("SOCKET.csv")
    (tmp_path / "COLUMNS.csv").write_bytes(CSV[:31] + b"," * 30_000_000)
    (tmp_path / "LINE.csv").write_bytes(CSV + b"2021-01-05," + b"9" * 30_000_000)
    with (tmp_path / "LARGE.csv").open("wb") as file:
        file.truncate(10 * 2**30)
    _plant_parquet(tmp_path)
    (tmp_path / "real").mkdir()
    (tmp_path / "real" / "GOOD.csv").write_bytes(CSV)
    (tmp_path / "GOOD.csv").symlink_to(tmp_path / "real" / "GOOD.csv")
    pl.read_csv(CSV).write_parquet(tmp_path / "FINE.parquet")
    unpacking = "it is damaged, or takes more than 512 MiB or 60 s to unpack, which is what is"
    expected = {
        "FIFO": "it is a pipe (FIFO); allowed: a file.",
        "ZERO": "it is a device; allowed: a file.",
        "FOLDER": "it is a folder; allowed: a file.",
        "SOCKET": "it is a socket or a device; allowed: a file.",
        "COLUMNS": "it has 30,000,005 cells; allowed: 16,000,000.",
        "LINE": "open is missing, NaN or infinite",
        "LARGE": "it has 10,240 MiB; allowed: 64 MiB.",
        "LISTS": "its column 'date' is of lists; allowed: one value.",
        "PAGE": unpacking,
        "ROWS": unpacking,
        "LIES": "not readable",
        "TEXTS": "its column 'date' has a text of 3,310 bytes; allowed: 256.",
        # After all of these.
        "GOOD": "1 bars",
        "FINE": "1 bars",
    }
    raised = _fetch(str(tmp_path), list(expected))
    assert {name: one for name, one in raised.items() if expected[name] not in one} == {}
    assert all("\n" not in one for one in raised.values())


def test_a_file_that_is_longer_than_its_size_is_bounded():
    assert Path("/proc/self/maps").stat().st_size == 0
    with pytest.raises(RefusedFileError, match=r"more than 0 MiB; allowed: 0 MiB"):
        read_regular("/proc/self/maps", 100)


class _Endless(BaseHTTPRequestHandler):
    """Answers without an end: in chunks, or as gigabytes of packed zeros."""

    protocol_version = "HTTP/1.1"
    packed = gzip.compress(bytes(2**30), 9)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        pass

    def do_HEAD(self) -> None:
        self._say(405, b"")

    def do_GET(self) -> None:
        name = self.path.partition("?")[0].rpartition("/")[2]
        if not name.startswith(("CHUNKS", "PACKED")):
            self._say(200, b"<a href='/prices/CHUNKS.csv'>CHUNKS.csv</a>")
        elif name.endswith("parquet"):
            self._say(404, b"")
        else:
            self._flood(packed=name.startswith("PACKED"))

    def _say(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", "text/html")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def _flood(self, *, packed: bool) -> None:
        self.send_response(200)
        if packed:
            self.send_header("Content-Encoding", "gzip")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        blocks = [self.packed] if packed else repeat(b"1" * 2**20, 2500)
        with suppress(OSError):
            for block in blocks:
                self._send(block)
            self._send(b"")

    def _send(self, block: bytes) -> None:
        self.wfile.write(f"{len(block):x}\r\n".encode() + block + b"\r\n")


@pytest.fixture
def endless() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Endless)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    server.server_close()


def test_no_answer_of_a_server_takes_more_memory_than_allowed(endless: str):
    for path, allowed in (("/prices", "64 MiB"), ("/yahoo", "32 MiB")):
        raised = _fetch(endless + path, ["CHUNKS", "PACKED"])
        assert all(f"more than {allowed}" in one for one in raised.values()), raised


def test_a_flipped_bit_in_a_parquet_file_never_ends_the_process(tmp_path: Path):
    """Some flips make polars ask for 2**61 bytes, which ends whichever process asks."""
    days = pl.date_range(date(2021, 1, 1), date(2021, 12, 31), eager=True)
    frame = pl.DataFrame({"date": days, **{name: pl.Series(range(1, 366)) for name in PRICES}})
    content = io.BytesIO()
    frame.write_parquet(content)
    for number, flipped in enumerate(flip_bits(content.getvalue(), 400)):
        (tmp_path / f"F{number}.parquet").write_bytes(flipped)
    raised = _fetch(str(tmp_path), [f"F{number}" for number in range(400)])
    assert len(raised) == 400


def test_a_reader_that_was_killed_while_it_waited_is_replaced():
    content = io.BytesIO()
    pl.DataFrame({"date": ["2021-01-04"], "close": [1.0]}).write_parquet(content)
    reader = ParquetProcess()
    try:
        for _ in range(2):
            table, names = reader.read(content.getvalue(), {}, "A")
            assert (table.height, names) == (1, ("date", "close"))
            assert reader._process
            reader._process.kill()
            reader._process.wait()
    finally:
        reader.close()
