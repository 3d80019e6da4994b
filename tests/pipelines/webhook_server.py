"""A local server that accepts or refuses reports."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

SECRET = "T0p-s3cret"  # noqa: S105 - planted


@dataclass
class WebhookServer:
    """The requests posted to it; `answers` are its next status codes, followed by 200."""

    url: str = ""
    answers: list[int] = field(default_factory=list)
    reports: list[dict[str, Any]] = field(default_factory=list)
    paths: list[str] = field(default_factory=list)


@contextmanager
def running_webhook() -> Iterator[WebhookServer]:
    """Lend the server; its URL has the secret in its path, like webhooks of chat systems."""
    server = WebhookServer()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            server.reports.append(json.loads(body))
            server.paths.append(self.path)
            self.send_response(server.answers.pop(0) if server.answers else 200)
            self.send_header("Location", "/elsewhere")
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
            pass

    listener = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=listener.serve_forever)
    thread.start()
    server.url = f"http://127.0.0.1:{listener.server_port}/hooks/{SECRET}"
    try:
        yield server
    finally:
        listener.shutdown()
        listener.server_close()
        thread.join()
