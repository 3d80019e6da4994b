"""Text without the secrets of the URLs in it: passwords, and tokens in queries.

A password may have any character, escaped or not, so that its end can't be told: all between ``//``
and the last ``@`` is taken out, and all that follows a question mark. Too much is hidden rather
than too little.
"""

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import logging

_CREDENTIALS = re.compile(r"//\S*@")
_QUERY = re.compile(r"(//[^\s?]*\?)\S+")
_ALL_CREDENTIALS = re.compile(r"//.*@", re.DOTALL)
_ALL_OF_QUERY = re.compile(r"([?#]).+", re.DOTALL)


def redact_text(text: str) -> str:
    """Return a text in which every URL is without its credentials and its query.

    A URL ends at a space here. Where the URL is known, replace it with `redact_address` first.
    """
    if "//" not in text:
        return text
    return _QUERY.sub(r"\1***", _CREDENTIALS.sub("//***@", text))


def redact_address(address: str) -> str:
    """Return a URL without its credentials, query and fragment; a path as it is."""
    if "//" not in address:
        return address
    return _ALL_OF_QUERY.sub(r"\1***", _ALL_CREDENTIALS.sub("//***@", address))


def redact_records(formatter: "logging.Formatter") -> "logging.Formatter":
    """Return the same formatter, which redacts messages and tracebacks from now on."""
    written = formatter.format
    formatter.format = lambda record: redact_text(written(record))
    return formatter
