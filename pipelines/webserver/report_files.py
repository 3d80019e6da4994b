"""The reports beside the Dagster UI: files of their folder, to be read and nothing else."""

import os
from contextlib import suppress
from pathlib import Path

from anyio import to_thread
from starlette.exceptions import HTTPException
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

from reports.page import INDEX
from reports.site import hash_script

_NOT_FOUND = 404
_NONE = "There is no such report: `make run` writes one, `make report` says where.\n"


class ReportFiles(StaticFiles):
    """The files below one folder; a folder of it shows its `index.html`.

    Starlette refuses what leads out of the folder, links included. Hidden names are not shown: a
    report that is being written has one. A page can load files of its own report and nothing else,
    and send nothing anywhere: even one with a script in it could do nothing to the Dagster UI,
    which has the same address.
    """

    def __init__(self, folder: Path) -> None:
        super().__init__(directory=folder, html=True, check_dir=False)
        self._folder = folder
        self._headers = {
            "Content-Security-Policy": "default-src 'none'; img-src 'self' data:; "
            f"style-src 'self' 'unsafe-inline'; script-src 'self' '{hash_script()}'; "
            "base-uri 'none'; form-action 'none'; frame-ancestors 'self'",
            "X-Content-Type-Options": "nosniff",
            "Referrer-Policy": "same-origin",
            "Cache-Control": "no-cache",
        }

    async def check_config(self) -> None:
        """Accept a folder that does not exist yet: the first run makes it."""

    async def get_response(self, path: str, scope: Scope) -> Response:
        """Return a file with the headers of all of them, or one line that says there is none.

        The address of all reports leads to the newest one.
        """
        try:
            newest = await to_thread.run_sync(find_newest, self._folder) if path == "." else None
            response = (
                RedirectResponse(f"{get_prefix(scope)}/{newest}/{INDEX}")
                if newest
                else await super().get_response(path, scope)
            )
        except HTTPException as error:
            if error.status_code != _NOT_FOUND:
                raise
            response = PlainTextResponse(_NONE, _NOT_FOUND)
        response.headers.update(self._headers)
        return response

    def lookup_path(self, path: str) -> tuple[str, os.stat_result | None]:
        """Return a file and what it is; nothing for hidden ones."""
        if any(part.startswith(".") and part != "." for part in Path(path).parts):
            return "", None
        return super().lookup_path(path)


def find_newest(folder: Path) -> str | None:
    """Return the run whose report was written last; None without any."""
    with suppress(FileNotFoundError):
        written = {path.parent.name: path.stat().st_mtime_ns for path in folder.glob(f"*/{INDEX}")}
        shown = {name: at for name, at in written.items() if not name.startswith(".")}
        return max(shown, key=shown.__getitem__, default=None)
    return None


def get_prefix(scope: Scope) -> str:
    """Return the address of all reports, without its last slash."""
    return str(scope.get("root_path", "")).rstrip("/")
