"""Errors as one line: what happened, and what to do about it."""

import re

# SQLAlchemy adds these, each on a line of its own; Dagster may have joined the lines.
_ADDITIONS = re.compile(
    r"\s*(?:\[SQL: |\[parameters: |\(Background on this error at: ).*", re.DOTALL
)

_REMEDIES = {
    r"disk is full|No space left on device|disk I/O error|Disk quota exceeded": (
        "Free some space, then run it again."
    ),
    r"readonly database|unable to open database file|Permission denied|Read-only file system": (
        "Run it as the user who owns the folders of the data and of Dagster's history."
    ),
    r"\$DAGSTER_HOME": (
        "Unset DAGSTER_HOME, or set it to the folder of the project: it may have been moved."
    ),
    r"database is locked": "Another process holds Dagster's history: run it again.",
}
"""What to do about an error, by its text as a regular expression."""


def to_one_line(text: str) -> str:
    """Return the text of an error on one line, without what SQLAlchemy adds to it.

    That is the statement, its parameters and the address of a web page.
    """
    return " ".join(_ADDITIONS.sub("", text).split())


def describe_error(error: BaseException) -> str:
    """Return what happened as one line, with what to do about it if that is known."""
    line = f"{type(error).__name__}: {to_one_line(str(error))}"
    found = (advice for pattern, advice in _REMEDIES.items() if re.search(pattern, line))
    advice = next(found, "")
    return f"{line.rstrip('.')}. {advice}" if advice else line
