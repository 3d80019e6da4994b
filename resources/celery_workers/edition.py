"""The edition of a process: a hash of the code, libraries and settings that its runs depend on.

A worker that was started before an upgrade would compute with the old code, and a worker with
another environment or processor something else: neither is an error that anybody would see. So a
run names the edition of the code server that it was launched from, and only workers of that edition
get it.
"""

import hashlib
import os
import sys
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path

from engine.processor import describe_platform, digest_c_library
from resources.source_files import list_source_files

EDITION_KEY = "gauntlet/edition"
"""Where the metadata of the code location says its edition."""

_ROOT = Path(__file__).parents[2]
_PACKAGES = (
    "strategies",
    "engine",
    "research",
    "resources",
    "reports",
    "assets",
    "pipelines",
    "migrations",
)
# Code, and the templates of reports.
_READ = (".py", ".html", ".css", ".js")
_DIGITS = 12


class Edition:
    """What the runs of this process depend on, as it is on disk now.

    Parameters
    ----------
    settings
        Texts that say what the environment sets; without passwords.
    files
        Files beside the code that definitions are built from, such as that of the universe. They
        need not exist.
    root
        The folder of the project's packages.
    """

    def __init__(self, settings: Iterable[str], files: Iterable[Path], root: Path = _ROOT) -> None:
        self._settings = [
            *settings,
            *(sys.version, describe_platform(), digest_c_library()),
            *_list_libraries(),
        ]
        self._files = tuple(files)
        self._root = root

    def compute(self) -> str:
        """Return the edition: 12 hexadecimal digits, the same on machines that compute the same."""
        digest = hashlib.sha256("\0".join(self._settings).encode())
        inside = f"{self._root}{os.sep}"
        for path in self._list_files():
            name = path.removeprefix(inside) if path.startswith(inside) else Path(path).name
            with suppress(FileNotFoundError), open(path, "rb") as file:  # noqa: PTH123 - of 500
                digest.update(f"\0{name}\0".encode() + file.read())
        return digest.hexdigest()[:_DIGITS]

    def read_signature(self) -> tuple[tuple[str, int, int], ...]:
        """Return what changes when a file is written, without reading any: 7 ms of CPU."""
        seen: list[tuple[str, int, int]] = []
        for path in self._list_files():
            with suppress(FileNotFoundError):  # removed at this moment
                stat = os.stat(path)  # noqa: PTH116 - of 500 files
                seen.append((path, stat.st_mtime_ns, stat.st_size))
        return tuple(seen)

    def _list_files(self) -> Iterator[str]:
        yield from list_source_files(self._root, _PACKAGES, _READ)
        yield from (str(path) for path in self._files if path.is_file())


def _list_libraries() -> list[str]:
    """Return names and versions of what is installed: 1 ms, of `importlib.metadata` 140."""
    folders = (folder for folder in sys.path if folder and Path(folder).is_dir())
    names = {name for folder in folders for name in os.listdir(folder)}  # noqa: PTH208
    return sorted(name for name in names if name.endswith(".dist-info"))
