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


JSON = {"Content-Type": "application/json"}
PARAMETERS = "?%71uery=%6Dutation"
FROM_OTHER_PAGES = (
    ("GET", f"/graphql{PARAMETERS}", {}, 400),
    ("GET", f"/%67raphql{PARAMETERS}", {}, 400),
    ("GET", "/runs", {"Origin": "https://evil.example"}, 403),
    ("GET", "/runs", {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors"}, 403),
    ("POST", "/graphql", JSON | {"Origin": "https://evil.example"}, 403),
    ("POST", "/graphql", JSON | {"Origin": "null"}, 403),
    ("POST", "/graphql", JSON | {"Sec-Fetch-Site": "same-site"}, 403),
    ("POST", "/graphql", {"Content-Type": "text/plain; application/json"}, 400),
    ("POST", "/graphql", {"Content-Type": "multipart/form-data; boundary=x"}, 400),
    ("POST", f"/graphql{PARAMETERS}", {}, 400),
    ("POST", "/report_asset_check/prices", {}, 400),
)


def test_requests_of_other_pages_are_refused(proxy: Proxy):
    for port, credentials in ((proxy.editing, EDITOR), (proxy.viewing, VIEWER)):
        for method, path, headers, status in FROM_OTHER_PAGES:
            given = headers | {"Authorization": credentials}
            seen, _, said = proxy.send(port, method, path, given)
            assert (seen, said.count("\n")) == (status, 1), (method, path, headers, said)
            assert said.startswith("Refused: ")
    origin = {"Origin": f"https://127.0.0.1:{proxy.editing}0"}
    assert b" 403 " in _websocket(proxy, EDITOR, "Origin: https://evil.example").splitlines()[0]
    assert proxy.send(proxy.editing, "GET", "/", origin | {"Authorization": EDITOR})[0] == 403


def test_scripts_links_and_the_ui_itself_are_answered(proxy: Proxy):
    own = {"Origin": f"https://127.0.0.1:{proxy.editing}", "Sec-Fetch-Site": "same-origin"}
    link = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"}
    for method, path, headers in (
        ("POST", "/graphql", JSON),
        ("POST", "/graphql", own | {"Content-Type": "Application/JSON; charset=utf-8"}),
        ("GET", "/runs?q=mutation", own),
        ("GET", "/runs", link | {"Sec-Fetch-Dest": "document"}),
    ):
        given = headers | {"Authorization": EDITOR}
        assert proxy.send(proxy.editing, method, path, given)[0] == 200, (method, path, headers)


def _websocket(proxy: Proxy, credentials: str | None, *headers: str) -> bytes:
    lines = ["GET /graphql HTTP/1.1", "Host: gauntlet", "Upgrade: websocket", "Connection: Upgrade"]
    lines += [f"Authorization: {credentials}"] if credentials else ["Connection: close"]
    lines += headers or ["Origin: https://gauntlet"]
    return proxy.say(proxy.editing, "\r\n".join([*lines, "", ""]).encode() + b"ping")


def test_a_websocket_is_forwarded(proxy: Proxy):
    answer = _websocket(proxy, EDITOR)
    assert answer.startswith(SWITCHED.split(b"\r\n", maxsplit=1)[0])
    assert answer.endswith(b"ping")


def test_a_websocket_requires_a_password(proxy: Proxy):
    assert b" 401 " in _websocket(proxy, None).split(b"\r\n", maxsplit=1)[0]


def test_an_unencrypted_request_is_refused(proxy: Proxy):
    import socket

    with socket.create_connection(("127.0.0.1", proxy.editing), timeout=120) as plain:
        plain.sendall(b"GET / HTTP/1.0\r\n\r\n")
        assert b" 400 " in plain.makefile("rb").readline()
