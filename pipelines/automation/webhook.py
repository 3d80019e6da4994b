"""How a report leaves the house: JSON, posted to the URL in GAUNTLET_WEBHOOK.

The URL is a secret, for whoever knows it may post too. It is read when it is used, is no part of
any definition, and is in no message of this module.
"""

import json
import urllib.error
import urllib.request
from collections.abc import Mapping
from http.client import HTTPException
from typing import Any
from urllib.parse import urlsplit

from strategies.errors import GauntletError

VARIABLE = "GAUNTLET_WEBHOOK"

ATTEMPTS = 3
_TIMEOUT_SECONDS = 5.0
"""All attempts together stay below the minute that Dagster gives a sensor."""

_LONGEST_WAIT_SECONDS = 4.0
_TOO_OFTEN, _SERVERS_FAULT = 429, 500


class WebhookError(GauntletError):
    """A report was not taken; the text never has the URL.

    Parameters
    ----------
    passes
        Whether another attempt may have more luck.
    """

    def __init__(self, message: str, passes: bool = False) -> None:
        super().__init__(message)
        self.passes = passes


def post(url: str, report: Mapping[str, Any]) -> None:
    """Post a report, again where a failure may pass.

    Raises
    ------
    WebhookError
        When the URL is none of the web, or the last attempt fails.
    """
    from tenacity import Retrying, retry_if_exception, stop_after_attempt, wait_exponential

    attempts = Retrying(
        stop=stop_after_attempt(ATTEMPTS),
        wait=wait_exponential(max=_LONGEST_WAIT_SECONDS),
        retry=retry_if_exception(lambda error: isinstance(error, WebhookError) and error.passes),
        reraise=True,
    )
    attempts(_post_once, _request(url, report))


def _request(url: str, report: Mapping[str, Any]) -> urllib.request.Request:
    try:
        parts = urlsplit(url)
        good = parts.scheme in ("http", "https") and bool(parts.hostname)
    except ValueError:
        good = False
    if not good:
        raise WebhookError(f"{VARIABLE} is no URL that begins with https:// or http://.")
    return urllib.request.Request(  # noqa: S310 - the scheme is checked above
        url,
        data=json.dumps(report).encode(),
        headers={"Content-Type": "application/json", "User-Agent": "backtest-gauntlet"},
        method="POST",
    )


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """Takes a redirect for an error: followed, it would become a GET, and the report be lost."""

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
    # What urllib raises is not chained: some of its messages have the URL.
    opener = urllib.request.build_opener(_NoRedirect)
    try:
        with opener.open(request, timeout=_TIMEOUT_SECONDS):
            return
    except urllib.error.HTTPError as error:
        code = error.code
        error.close()
    except (OSError, HTTPException, ValueError) as error:
        reason = getattr(error, "reason", error)
        told = type(reason).__name__ if isinstance(reason, Exception) else "no answer"
        raise WebhookError(f"{VARIABLE} was not reached ({told}).", passes=True) from None
    passes = code == _TOO_OFTEN or code >= _SERVERS_FAULT
    raise WebhookError(f"{VARIABLE} answered {code}: the report was not taken.", passes)
