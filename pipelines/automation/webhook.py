"""Posts reports as JSON to the URL in GAUNTLET_WEBHOOK.

The URL is a secret: whoever knows it can post. It is read when it is used, is not part of any
definition, and is in no message of this module.
"""

from collections.abc import Mapping
from typing import Any

from strategies.errors import GauntletError

WEBHOOK_VARIABLE = "GAUNTLET_WEBHOOK"

ATTEMPTS = 3
_TIMEOUT_SECONDS = 5.0
"""All attempts together take less than the minute that Dagster gives a sensor."""

_LONGEST_WAIT_SECONDS = 4.0
_SUCCESS, _REDIRECT, _TOO_MANY_REQUESTS, _SERVER_ERROR = 200, 300, 429, 500


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
    attempts(_post_once, url, report)


def _post_once(url: str, report: Mapping[str, Any]) -> None:
    import requests

    # The errors of requests are not chained: their messages have the URL.
    try:
        # A redirect that is followed becomes a GET without the report: here it is an answer.
        code = requests.post(
            url,
            json=report,
            headers={"User-Agent": "backtest-gauntlet"},
            timeout=_TIMEOUT_SECONDS,
            allow_redirects=False,
        ).status_code
    except ValueError:  # how requests reports what is no URL that it can ask
        raise WebhookError(
            f"{WEBHOOK_VARIABLE} is not a URL that starts with https:// or http://."
        ) from None
    except requests.RequestException as error:
        message = f"{WEBHOOK_VARIABLE} could not be reached ({type(error).__name__})."
        raise WebhookError(message, transient=True) from None
    if not _SUCCESS <= code < _REDIRECT:
        transient = code == _TOO_MANY_REQUESTS or code >= _SERVER_ERROR
        raise WebhookError(f"{WEBHOOK_VARIABLE} answered {code}: report not accepted.", transient)
