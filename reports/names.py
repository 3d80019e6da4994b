"""Names of files made of symbols and strategies, which may have any character."""

import re
from hashlib import sha256

_OTHER = re.compile(r"[^A-Za-z0-9_-]")
_DIGITS = 8


def name_file(text: str) -> str:
    """Return a name that every file system, URL and HTML takes, and no other text has.

    Letters, digits, ``_`` and ``-`` stay; where anything else is replaced, or capital and small
    letters are mixed, which some file systems take for the same, a digest of the text follows.
    """
    kept = _OTHER.sub("_", text)
    if kept == text and text and text in {text.upper(), text.lower()}:
        return text
    return f"{kept[:40] or '_'}.{sha256(text.encode()).hexdigest()[:_DIGITS]}"
