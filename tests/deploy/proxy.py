"""A real nginx with the configuration of deploy/, in front of servers that echo requests."""

import json
import re
import socket
import ssl
import subprocess
import threading
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from http.client import HTTPSConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

CONFIGURATION = Path(__file__).resolve().parents[2] / "deploy/reverse-proxy/nginx.conf"
SWITCHED = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n"


class _Echo(BaseHTTPRequestHandler):
    """Responds with the headers of the request; to a websocket, with the bytes that follow."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        if self.headers.get("Upgrade") == "websocket" and self.headers["Connection"] == "upgrade":
            self.wfile.write(SWITCHED)
            self.wfile.write(self.rfile.read(4))
            self.close_connection = True
            return
        body = json.dumps(
            {"server": self.connection.getsockname()[1], **dict(self.headers)}
        ).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_POST(self) -> None:
        self.do_GET()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - its base's name
        """Log nothing."""


@dataclass(frozen=True)
class Proxy:
    """A running proxy: its ports, and the servers behind them."""

    folder: Path
    editing: int
    viewing: int
    webserver: int
    viewer: int

    def get(self, port: int, **headers: str) -> tuple[int, dict[str, str], str]:
        """Return status, headers and body of a response."""
        return self.send(port, "GET", "/", headers)

    def send(
        self, port: int, method: str, path: str, headers: Mapping[str, str]
    ) -> tuple[int, dict[str, str], str]:
        """Return the same of any request."""
        with closing(HTTPSConnection("127.0.0.1", port, context=self._context)) as connection:
            connection.request(method, path, headers=dict(headers))
            answer = connection.getresponse()
            return answer.status, dict(answer.headers), answer.read().decode()

    def say(self, port: int, request: bytes) -> bytes:
        """Send bytes, and return the whole response."""
        with (
            socket.create_connection(("127.0.0.1", port), timeout=120) as plain,
            self._context.wrap_socket(plain, server_hostname="127.0.0.1") as secure,
        ):
            secure.sendall(request)
            return b"".join(iter(lambda: secure.recv(4096), b""))

    @property
    def _context(self) -> ssl.SSLContext:
        return ssl.create_default_context(cafile=str(self.folder / "tls_certificate"))


@contextmanager
def running(folder: Path, users: dict[str, str]) -> Iterator[Proxy]:
    """Start nginx with its files in `folder`, which its workers must be able to read.

    `users` has the lines of the files ``editors`` and ``viewers``.
    """
    for name, line in users.items():
        (folder / name).write_text(line)
    _certify(folder)
    with ExitStack() as stack:
        webserver, viewer = (stack.enter_context(_echo()) for _ in range(2))
        editing, viewing = _free_ports(2)
        proxy = Proxy(folder, editing, viewing, webserver, viewer)
        path = folder / "nginx.conf"
        path.write_text(_placed(proxy))
        command = ["nginx", "-p", str(folder), "-c", str(path)]
        checked = subprocess.run([*command, "-t"], capture_output=True, text=True, check=False)
        assert checked.returncode == 0, checked.stderr
        # It returns as soon as it listens.
        subprocess.run(command, check=True, stderr=subprocess.DEVNULL)
        try:
            yield proxy
        finally:
            subprocess.run([*command, "-s", "stop"], check=True, stderr=subprocess.DEVNULL)


def _placed(proxy: Proxy) -> str:
    """Return the configuration with only its paths, ports and addresses replaced."""
    text = CONFIGURATION.read_text()
    for pattern, place in {
        # First: the folder may be under it.
        r"/tmp/": f"{proxy.folder}/",  # noqa: S108 - the container's own
        r"/run/secrets/": f"{proxy.folder}/",
        r"error_log stderr": f"error_log {proxy.folder}/error.log",
        r"server webserver:3000": f"server 127.0.0.1:{proxy.webserver}",
        r"server viewer:3000": f"server 127.0.0.1:{proxy.viewer}",
        r"listen 8443": f"listen 127.0.0.1:{proxy.editing}",
        r"listen 8444": f"listen 127.0.0.1:{proxy.viewing}",
    }.items():
        text, count = re.subn(pattern, place, text)
        assert count, pattern
    return text


@contextmanager
def _echo() -> Iterator[int]:
    with ThreadingHTTPServer(("127.0.0.1", 0), _Echo) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server.server_port
        server.shutdown()
        thread.join()


def _free_ports(count: int) -> list[int]:
    with ExitStack() as stack:
        held = [stack.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in range(count)]
        return [server.getsockname()[1] for server in held]


def _certify(folder: Path) -> None:
    """Make a certificate of 127.0.0.1 that signs itself."""
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2"]
    command += ["-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1"]
    command += ["-keyout", str(folder / "tls_key"), "-out", str(folder / "tls_certificate")]
    subprocess.run(command, check=True, capture_output=True)
