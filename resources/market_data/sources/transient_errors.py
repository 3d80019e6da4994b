"""Whether an error of a file system is transient: it is unreachable, or busy.

File systems of fsspec raise what the library below them does: a socket's errors, aiohttp's, and
botocore's, which are no OSError. They are told by name, since none of these libraries need be
installed.
"""

_NAMES = frozenset(
    {
        "ClientConnectionError",  # aiohttp: refused, reset, unknown host
        "ClientPayloadError",  # aiohttp: the answer broke off
        "HTTPClientError",  # botocore: refused, reset, too slow
        "ConnectionError",  # built-in, and botocore's of that name
        "TimeoutError",
        "gaierror",  # no such host, by the socket
    }
)
_TOO_MANY, _SERVER_FAILS = 429, 500
_BUSY = frozenset({"SlowDown", "ServiceUnavailable", "InternalError", "RequestTimeout"})


def is_transient_error(error: BaseException) -> bool:
    """Return whether asking again later may help, judged by the error and by what caused it."""
    seen: BaseException | None = error
    while seen is not None:
        if _NAMES.intersection(kind.__name__ for kind in type(seen).__mro__) or _is_busy(seen):
            return True
        seen = seen.__cause__ or seen.__context__
    return False


def _is_busy(error: BaseException) -> bool:
    """Return whether it is a web server's or a bucket's answer that means: not now."""
    status = getattr(error, "status", None)
    if isinstance(status, int):
        return status == _TOO_MANY or status >= _SERVER_FAILS
    response = getattr(error, "response", None)
    told = response.get("Error", {}) if isinstance(response, dict) else {}
    return told.get("Code") in _BUSY
