"""Posts reports as JSON to the URL in GAUNTLET_WEBHOOK.

The URL is a secret: whoever knows it can post. It is read when it is used, is not part of any
definition, and is in no message of this module.
"""

import json
import urllib.error
import urllib.request
from collections.abc import Mapping
from http.client import HTTPException
from typing import Any
from urllib.parse import urlsplit

from strategies.errors import GauntletError

WEBHOOK_VARIABLE = "GAUNTLET_WEBHOOK"

ATTEMPTS = 3
_TIMEOUT_SECONDS = 5.0
"""All attempts together take less than the minute that Dagster gives a sensor."""

_LONGEST_WAIT_SECONDS = 4.0
_TOO_MANY_REQUESTS, _SERVER_ERROR = 429, 500


class WebhookError(GauntletError):
    """A report was not accepted; the message never has the URL.

    Parameters
    ----------
    transient
        Whether another attempt may succeed.
    """

    def __init__(self, message: str, transient: bool = False) -> None:
        super().__init__(message)
        self.transient = transient


def post(url: str, report: Mapping[str, Any]) -> None:
    """Post a report; transient errors are retried.

    Raises
    ------
    WebhookError
        When the URL is not an http URL, or the last attempt fails.
    """
    from tenacity import Retrying, retry_if_exception, stop_after_attempt, wait_exponential

    attempts = Retrying(
        stop=stop_after_attempt(ATTEMPTS),
        wait=wait_exponential(max=_LONGEST_WAIT_SECONDS),
        retry=retry_if_exception(lambda error: getattr(error, "transient", False)),
        reraise=True,
    )
    attempts(_post_once, _build_request(url, report))


def _build_request(url: str, report: Mapping[str, Any]) -> urllib.request.Request:
    try:
        parts = urlsplit(url)
        valid = parts.scheme in ("http", "https") and bool(parts.hostname)
    except ValueError:
        valid = False
    if not valid:
        raise WebhookError(f"{WEBHOOK_VARIABLE} is not a URL that starts with https:// or http://.")
    return urllib.request.Request(  # noqa: S310 - the scheme is checked above
        url,
        data=json.dumps(report).encode(),
        headers={"Content-Type": "application/json", "User-Agent": "backtest-gauntlet"},
        method="POST",
    )


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """Treats a redirect as an error: followed, it would become a GET without the report."""

    def redirect_request(
        self,
        req: urllib.request.Request,  # noqa: ARG002
        fp: Any,  # noqa: ARG002
        code: int,  # noqa: ARG002
        msg: str,  # noqa: ARG002
        headers: Any,  # noqa: ARG002
        newurl: str,  # noqa: ARG002
    ) -> None:
        return None


def _post_once(request: urllib.request.Request) -> None:
    # The errors of urllib are not chained: some of their messages have the URL.
    opener = urllib.request.build_opener(_NoRedirect)
    try:
        with opener.open(request, timeout=_TIMEOUT_SECONDS):
            return
    except urllib.error.HTTPError as error:
        code = error.code
        error.close()
    except (OSError, HTTPException, ValueError) as error:
        reason = getattr(error, "reason", error)
        name = type(reason).__name__ if isinstance(reason, Exception) else "no response"
        message = f"{WEBHOOK_VARIABLE} could not be reached ({name})."
        raise WebhookError(message, transient=True) from None
    transient = code == _TOO_MANY_REQUESTS or code >= _SERVER_ERROR
    raise WebhookError(f"{WEBHOOK_VARIABLE} answered {code}: report not accepted.", transient)
