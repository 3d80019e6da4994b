"""What reports before have drawn: pages of the same content are theirs, not drawn again.

Each report on this machine says in one file what its pages show, see `reports.page.Details`, and
has the digest of their bytes. A page is linked from there if it shows the same; a link to a file
that was changed since is not kept, so that no damage is passed on. Reports stay whole by
themselves: a file is gone when no report has it, and a copy of a folder is a report.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from functools import cached_property
from hashlib import sha256
from pathlib import Path
from typing import Any, NamedTuple

from reports.folder import BucketFolder, LocalFolder

MANIFEST = "pages.json"
"""The file of a report that says what its pages show."""


class DrawnPage(NamedTuple):
    """A page that was drawn: what it shows, the digest of its files, and their paths.

    Its own path is the first. The files have one digest: they are taken together or not at all.
    """

    shows: str
    digest: str
    paths: Sequence[str]


class DrawnPages:
    """The pages of some reports.

    Parameters
    ----------
    folders
        Of the reports, those to look in first first.
    """

    def __init__(self, folders: Sequence[Path]) -> None:
        self._folders = folders

    def take(
        self, folder: LocalFolder | BucketFolder, path: str, shows: str
    ) -> tuple[DrawnPage, Sequence[bytes]] | None:
        """Put a page and its files into a new folder; None if no report has it as it was drawn."""
        if not shows or not isinstance(folder, LocalFolder):
            return None
        for source, drawn in self._manifests:
            page = drawn.get(path)
            if page is not None and page.shows == shows:
                contents = [folder.take(source, one) for one in page.paths]
                known = [one for one in contents if one is not None]
                if len(known) == len(contents) and digest_files(known) == page.digest:
                    return page, known
                for one in page.paths:
                    folder.remove(one)
        return None

    @cached_property
    def _manifests(self) -> Sequence[tuple[Path, Mapping[str, DrawnPage]]]:
        return [(one, found) for one in self._folders if (found := _read_manifest(one))]


def digest_files(contents: Sequence[bytes]) -> str:
    """Return what identifies the bytes of a page and its files."""
    found = sha256()
    for one in contents:
        found.update(len(one).to_bytes(8, "little"))
        found.update(one)
    return found.hexdigest()[:32]


def write_manifest(drawn: Mapping[str, DrawnPage]) -> bytes:
    """Return the content of `MANIFEST`: a line per page, its files by what their names end with."""
    lines = (
        f"{json.dumps(path)}:{json.dumps([*page[:2], _shorten(path, page.paths)])}"
        for path, page in sorted(drawn.items())
    )
    return f"{{{','.join(_begin_line(lines))}\n}}\n".encode()


def _begin_line(lines: Iterator[str]) -> Iterator[str]:
    return (f"\n{one}" for one in lines)


def _read_manifest(folder: Path) -> dict[str, DrawnPage]:
    """Return the pages of a report; none of one that has no such file, or a damaged one."""
    with suppress(OSError, ValueError, TypeError, AttributeError):
        found = json.loads((folder / MANIFEST).read_bytes())
        return {path: _read_page(path, *page) for path, page in found.items() if _is_one(page)}
    return {}


def _read_page(path: str, shows: str, digest: str, endings: Sequence[str]) -> DrawnPage:
    return DrawnPage(shows, digest, [f"{path.removesuffix('html')}{one}" for one in endings])


def _shorten(path: str, paths: Sequence[str]) -> list[str]:
    """Return what the names of a page and of the files beside it end with, as `csv_path` does."""
    return [one.removeprefix(path.removesuffix("html")) for one in paths]


def _is_one(page: Sequence[Any]) -> bool:
    """Return whether an entry names a page and files beside it, none elsewhere."""
    _, _, endings = page
    return endings[:1] == ["html"] and all("/" not in one for one in endings)
