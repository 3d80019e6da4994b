"""The reverse proxy requires a password before it forwards a request."""

import base64
import json
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.deploy.proxy import SWITCHED, Proxy, running

pytestmark = pytest.mark.skipif(
    not (shutil.which("nginx") and shutil.which("openssl")),
    reason="nginx or openssl is not installed (Debian: nginx-light, openssl)",
)


def _hashed(password: str) -> str:
    # As docs/operations.md shows.
    command = ["openssl", "passwd", "-6", "-stdin"]
    return subprocess.run(
        command, input=password, capture_output=True, text=True, check=True
    ).stdout.strip()


def _credentials(user: str, password: str) -> str:
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


EDITOR = _credentials("ann", "a-word")
VIEWER = _credentials("bob", "b-word")


@pytest.fixture(scope="module")
def proxy() -> Iterator[Proxy]:
    """Lend a proxy with an editor, Ann, and a viewer, Bob."""
    # Its workers run as another system user, who has no access to pytest's folders.
    folder = Path(tempfile.mkdtemp(prefix="gauntlet-proxy-"))
    folder.chmod(0o755)
    users = {"editors": f"ann:{_hashed('a-word')}\n", "viewers": f"bob:{_hashed('b-word')}\n"}
    with running(folder, users) as started:
        yield started
    shutil.rmtree(folder)


@pytest.mark.parametrize("port", ["editing", "viewing"])
@pytest.mark.parametrize("given", [{}, {"Authorization": _credentials("ann", "b-word")}])
def test_without_the_right_password_access_is_denied(
    proxy: Proxy, port: str, given: dict[str, str]
):
    status, headers, body = proxy.get(getattr(proxy, port), **given)
    assert status == 401
    assert headers["WWW-Authenticate"].startswith("Basic")
    assert "server" not in body.replace("nginx", "")


def test_editors_and_viewers_reach_their_own_webserver(proxy: Proxy):
    for port, credentials, behind in (
        (proxy.editing, EDITOR, proxy.webserver),
        (proxy.viewing, VIEWER, proxy.viewer),
    ):
        status, headers, body = proxy.get(port, Authorization=credentials)
        assert status == 200
        assert json.loads(body)["server"] == behind
        assert headers["X-Frame-Options"] == "DENY"


def test_viewer_credentials_do_not_open_the_editor_port(proxy: Proxy):
    assert proxy.get(proxy.editing, Authorization=VIEWER)[0] == 401


def test_the_webserver_gets_the_host_but_not_the_password(proxy: Proxy):
    body = json.loads(proxy.get(proxy.editing, Authorization=EDITOR)[2])
    assert body["Host"] == f"127.0.0.1:{proxy.editing}"
    assert body["X-Forwarded-Proto"] == "https"
    assert "Authorization" not in body


def _websocket(proxy: Proxy, credentials: str | None) -> bytes:
    lines = ["GET /graphql HTTP/1.1", "Host: gauntlet", "Upgrade: websocket", "Connection: Upgrade"]
    lines += [f"Authorization: {credentials}"] if credentials else ["Connection: close"]
    return proxy.say(proxy.editing, "\r\n".join([*lines, "", ""]).encode() + b"ping")


def test_a_websocket_is_forwarded(proxy: Proxy):
    answer = _websocket(proxy, EDITOR)
    assert answer.startswith(SWITCHED.split(b"\r\n", maxsplit=1)[0])
    assert answer.endswith(b"ping")


def test_a_websocket_requires_a_password(proxy: Proxy):
    assert b" 401 " in _websocket(proxy, None).split(b"\r\n", maxsplit=1)[0]


def test_an_unencrypted_request_is_refused(proxy: Proxy):
    import socket

    with socket.create_connection(("127.0.0.1", proxy.editing), timeout=30) as plain:
        plain.sendall(b"GET / HTTP/1.0\r\n\r\n")
        assert b" 400 " in plain.makefile("rb").readline()
