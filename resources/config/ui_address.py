"""Where people open the Dagster UI: a setting, since a run can't know what is in front of it."""

import os
from urllib.parse import urlsplit

UI_VARIABLE = "GAUNTLET_URL"


def read_ui_url() -> str:
    """Return the URL of the Dagster UI without a slash at its end; "" where none is set."""
    return os.environ.get(UI_VARIABLE, "").strip().rstrip("/")


def read_ui_path() -> str:
    """Return the path in that URL, as in ``/dagster``; "" where the UI is at the root of its host.

    Links in metadata begin with it: a proxy may forward nothing else to the UI.
    """
    return urlsplit(read_ui_url()).path
