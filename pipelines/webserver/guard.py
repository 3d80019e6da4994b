"""Refuses requests that a web page of somebody else makes the user's browser send.

Dagster's webserver has no authentication, and loopback is no protection: every page that the user
visits can send requests to it, and by DNS rebinding also read the responses. Browsers say where a
request comes from, in Host, Origin and Sec-Fetch-Site, and send none but three content types to a
foreign server without asking it first. Scripts send neither Origin nor Sec-Fetch-Site, and JSON.

The rules are those of `CrossOriginProtection` in Go's net/http, and a list of hosts. Starlette's
TrustedHostMiddleware has such a list, but says only "Invalid host header".
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from resources.redaction import redact_text

FORBIDDEN, BAD_REQUEST = 403, 400

_LOOPBACK = ("localhost", "127.0.0.1", "::1")
_READING = {"GET", "HEAD", "OPTIONS"}
# None of them is among the three that a browser sends to a foreign server without asking it.
_CONTENT_TYPES = {"application/json", "application/graphql"}
# What a browser says of a request of its own origin, or of an address that a user typed.
_OWN_SITES = {"same-origin", "none"}
_SINGLE = ("host", "origin", "content-type", "sec-fetch-site")
_LONGEST_SHOWN = 80


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a request is refused, and what to do: one line; `status` is 403 or 400."""

    reason: str
    status: int = FORBIDDEN


class RequestGuard:
    """ASGI middleware that responds to refused requests itself.

    Parameters
    ----------
    app
        What the other requests are for.
    hosts
        Names of this server, beside those of loopback: without a port; ``*.example.com`` for all
        names under one, ``*`` for any.
    """

    def __init__(self, app: ASGIApp, hosts: Sequence[str] = ()) -> None:
        self._app = app
        self._hosts = (*_LOOPBACK, *hosts)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or respond with the reason of its refusal."""
        if scope["type"] not in {"http", "websocket"}:
            await self._app(scope, receive, send)
            return
        if refusal := find_refusal(scope, self._hosts):
            respond = PlainTextResponse(f"Refused: {refusal.reason}\n", refusal.status)
            await respond(scope, receive, send)
            return

        async def send_unframed(message: Message) -> None:
            if message["type"] == "http.response.start":
                # A page that shows the UI in a frame of its own could steal clicks.
                MutableHeaders(scope=message).setdefault("X-Frame-Options", "SAMEORIGIN")
            await send(message)

        await self._app(scope, receive, send_unframed)


def find_refusal(scope: Scope, hosts: Sequence[str]) -> Refusal | None:
    """Return why a request is refused; None if it is not.

    Parameters
    ----------
    scope
        ASGI's, of an HTTP request or a WebSocket.
    hosts
        The names of this server.
    """
    headers = Headers(scope=scope)
    for name in _SINGLE:
        if len(headers.getlist(name)) > 1:
            return Refusal(f"the request has several headers {name}; send one.", BAD_REQUEST)
    return (
        _check_host(headers, hosts)
        or _check_origin(headers)
        or _check_site(scope, headers)
        or _check_content_type(scope, headers)
    )


def _check_host(headers: Headers, hosts: Sequence[str]) -> Refusal | None:
    """Refuse a name that is not ours: a foreign page's, whose name was pointed to this server."""
    given = headers.get("host", "")
    name = _get_name(given)
    if name and any(_matches(name, one) for one in hosts):
        return None
    return Refusal(
        f"the Host {_show(given)} is not a name of this Dagster UI: open it as 127.0.0.1, or start "
        "it with the name in GAUNTLET_UI_HOSTS."
    )


def _check_origin(headers: Headers) -> Refusal | None:
    origin = headers.get("origin")
    if origin is None or _get_netloc(origin) == headers["host"].lower():
        return None
    return Refusal(
        f"the request comes from a page of {_show(origin)}, not of this Dagster UI: use the UI "
        "itself, or send the request from a script, without a header Origin."
    )


def _check_site(scope: Scope, headers: Headers) -> Refusal | None:
    """Refuse what a foreign page loads; it may link to the UI."""
    site = headers.get("sec-fetch-site", "none").lower()
    if site in _OWN_SITES:
        return None
    linked = headers.get("sec-fetch-mode") == "navigate"
    linked = linked and headers.get("sec-fetch-dest") == "document"
    if linked and scope.get("method") in _READING:
        return None
    return Refusal(
        f"the request comes from another page (Sec-Fetch-Site {_show(site)}): use the Dagster UI "
        "itself, or send the request from a script, without that header."
    )


def _check_content_type(scope: Scope, headers: Headers) -> Refusal | None:
    if scope["type"] == "websocket" or scope["method"] in _READING:
        return None
    given = headers.get("content-type", "")
    if given.partition(";")[0].strip().lower() in _CONTENT_TYPES:
        return None
    return Refusal(
        f"the Content-Type {_show(given)} is one that any web page can send: send JSON, with "
        "'Content-Type: application/json'.",
        BAD_REQUEST,
    )


def _matches(name: str, allowed: str) -> bool:
    if allowed.startswith("*."):
        return name.endswith(allowed[1:].lower())
    return allowed in {"*", name} or allowed.lower() == name


def _get_name(host: str) -> str:
    """Return the name in a header Host, in small letters; "" if it is not a name and a port."""
    try:
        parts = urlsplit(f"//{host}")
        valid = parts.netloc == host and parts.username is None and (parts.port or 1)
    except ValueError:
        return ""
    return (parts.hostname or "").removesuffix(".") if valid else ""


def _get_netloc(origin: str) -> str:
    try:
        return urlsplit(origin).netloc.lower()
    except ValueError:
        return ""


def _show(value: Any) -> str:
    return repr(redact_text(str(value))[:_LONGEST_SHOWN])
