"""An unreachable folder of prices is a transient error, not bad data."""

import threading
from collections.abc import Iterator
from datetime import date
from functools import partial
from http.server import BaseHTTPRequestHandler, SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from resources.market_data.source import SourceUnavailableError, UnknownSymbolError
from resources.market_data.sources.files import FilesSource

WINDOW = (date(2021, 1, 1), date(2021, 12, 31))
CSV = "date,open,high,low,close,volume\n2021-01-04,10,12,9,11,1000\n"


class Folder(SimpleHTTPRequestHandler):
    """Serves a folder, or responds with 503 if `fails`."""

    fails = False

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        pass

    def do_GET(self) -> None:
        if type(self).fails:
            self.send_error(503)
        else:
            super().do_GET()


def _serve(handler: type[BaseHTTPRequestHandler] | partial) -> ThreadingHTTPServer:
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    return server


@pytest.fixture
def web(tmp_path: Path) -> Iterator[ThreadingHTTPServer]:
    """Lend a web server with the prices of AAPL."""
    (tmp_path / "AAPL.csv").write_text(CSV)
    server = _serve(partial(Folder, directory=str(tmp_path)))
    yield server
    server.shutdown()
    server.server_close()


def _source(server: ThreadingHTTPServer) -> FilesSource:
    return FilesSource(f"http://127.0.0.1:{server.server_address[1]}/")


def test_prices_are_read_from_a_web_server(web: ThreadingHTTPServer):
    source = _source(web)
    assert source.fetch("AAPL", *WINDOW).height == 1
    with pytest.raises(UnknownSymbolError, match="MSFT: no file"):
        source.fetch("MSFT", *WINDOW)


def test_a_stopped_server_is_a_transient_error(web: ThreadingHTTPServer):
    source = _source(web)
    web.shutdown()
    web.server_close()
    with pytest.raises(SourceUnavailableError, match=r"AAPL: http://.* does not answer") as refused:
        source.fetch("AAPL", *WINDOW)
    assert refused.value.transient


def test_a_failing_server_is_unavailable(web: ThreadingHTTPServer, monkeypatch: pytest.MonkeyPatch):
    source = _source(web)
    monkeypatch.setattr(Folder, "fails", True)
    with pytest.raises(SourceUnavailableError, match=r"AAPL: .* does not answer: 503"):
        source.fetch("AAPL", *WINDOW)


def test_an_unreachable_bucket_is_unavailable(monkeypatch: pytest.MonkeyPatch):
    for name, value in {
        "AWS_ENDPOINT_URL": "http://127.0.0.1:9",
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_MAX_ATTEMPTS": "1",
    }.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(SourceUnavailableError, match="s3://bucket/prices does not answer"):
        FilesSource("s3://bucket/prices")
