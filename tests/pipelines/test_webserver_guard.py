"""What the guard of the webserver refuses, by the headers of a request."""

import pytest

from pipelines.webserver.guard import find_refusal

HOSTS = ("localhost", "127.0.0.1", "::1", "gauntlet.example", "*.lan")
OURS = {"host": "127.0.0.1:3000"}
JSON = {**OURS, "content-type": "application/json"}
LINKED = {"sec-fetch-mode": "navigate", "sec-fetch-dest": "document"}


def refused(method: str = "GET", kind: str = "http", **headers: str) -> str:
    """Return why a request is refused, "" if it is not; `sec_fetch_site` is `sec-fetch-site`."""
    given = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    scope = {"type": kind, "method": method, "path": "/graphql", "headers": given}
    found = find_refusal(scope, HOSTS)
    return f"{found.status} {found.reason}" if found else ""


@pytest.mark.parametrize(
    "host",
    [
        "localhost:3000",
        "LOCALHOST",
        "127.0.0.1:9",
        "[::1]:3000",
        "gauntlet.example:8443",
        "a.b.lan",
    ],
)
def test_names_of_this_server_are_accepted(host: str):
    assert not refused(host=host)
    assert not refused("POST", host=host, origin=f"https://{host}", content_type="application/json")


@pytest.mark.parametrize(
    "host",
    [
        *("evil.example", "127.0.0.1.evil.example", "evil.lan.example", "xlan", "lan", "10.0.0.1"),
        *("", "127.0.0.1@evil.example", "evil.example/127.0.0.1", "127.0.0.1:x", "[::1", "a b"),
    ],
)
def test_other_names_are_refused_with_the_setting_to_change(host: str):
    assert refused(host=host).startswith(f"403 the Host '{host}' is not a name of this Dagster UI")
    assert "GAUNTLET_UI_HOSTS" in refused("POST", kind="websocket", host=host)


@pytest.mark.parametrize(
    "origin",
    [
        "https://evil.example",
        "null",
        "http://127.0.0.1:3001",
        "http://localhost:3000",
        "",
        "http://[",
    ],
)
@pytest.mark.parametrize("kind", ["http", "websocket"])
def test_an_origin_other_than_the_host_is_refused(origin: str, kind: str):
    assert refused("POST", kind, **JSON, origin=origin).startswith("403 the request comes from")
    assert refused("GET", kind, **OURS, origin=origin).startswith("403 the request comes from")
    assert not refused("POST", kind, **JSON, origin="http://127.0.0.1:3000")


@pytest.mark.parametrize("site", ["cross-site", "same-site", "other"])
def test_what_another_page_loads_is_refused_but_links_are_not(site: str):
    # A page on another port of this machine is of the same site.
    assert refused("POST", **JSON, sec_fetch_site=site).startswith("403 the request comes from")
    assert refused(**OURS, sec_fetch_site=site).startswith("403 the request comes from")
    framed = LINKED | {"sec-fetch-dest": "iframe"}
    assert refused(**OURS, sec_fetch_site=site, **framed).startswith("403")
    assert refused("POST", **JSON, sec_fetch_site=site, **LINKED).startswith("403")
    assert not refused(**OURS, sec_fetch_site=site, **LINKED)
    for own in ("same-origin", "none"):
        assert not refused("POST", **JSON, sec_fetch_site=own)


@pytest.mark.parametrize(
    "content_type",
    [
        *("text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", ""),
        *("text/plain; application/json", "text/plain;charset=application/json"),
        "application/jsonx",
    ],
)
def test_content_types_that_any_page_can_send_are_refused(content_type: str):
    said = refused("POST", **OURS, content_type=content_type)
    assert said == (
        f"400 the Content-Type {content_type!r} is one that any web page can send: send JSON, "
        "with 'Content-Type: application/json'."
    )
    assert not refused("POST", **OURS, content_type="Application/JSON; charset=utf-8")


def test_a_header_that_is_given_twice_is_refused():
    twice = [(b"host", b"localhost"), (b"host", b"evil.example")]
    found = find_refusal({"type": "http", "method": "GET", "headers": twice}, HOSTS)
    assert found is not None
    assert found.status == 400


def test_any_name_is_accepted_where_the_operator_says_so():
    scope = {"type": "http", "method": "GET", "headers": [(b"host", b"any.example:8443")]}
    assert find_refusal(scope, ("*",)) is None
    scope["headers"].append((b"origin", b"https://evil.example"))
    assert find_refusal(scope, ("*",))
