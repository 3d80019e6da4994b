"""The folder of a report: replaced whole, so that nobody sees half of one."""

import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from uuid import uuid4

from reports.page import INDEX, STYLE
from resources.files.file_systems import file_system, is_local
from resources.files.private import create_private


@dataclass(frozen=True)
class ReportFolder:
    """The folder of one run's report among the reports.

    Parameters
    ----------
    root
        Folder or fsspec URL of all reports.
    name
        Of the folder: the run.
    """

    root: str
    name: str

    @property
    def place(self) -> str:
        """The folder, as people write it."""
        return f"{self.root.rstrip('/')}/{self.name}"

    def path_of(self, path: str) -> str:
        """Return where a file of the report is."""
        return f"{self.place}/{path}"

    def delete(self) -> None:
        """Remove the folder."""
        fs, root = file_system(self.root)
        with suppress(FileNotFoundError):
            fs.rm(f"{root.rstrip('/')}/{self.name}", recursive=True)

    def exists(self) -> bool:
        """Return whether there is a report."""
        fs, root = file_system(self.root)
        return fs.isfile(f"{root.rstrip('/')}/{self.name}/{INDEX}")

    @contextmanager
    def replacing(self) -> Iterator[Callable[[str, bytes], None]]:
        """Lend a function that writes a file; afterwards they are what the folder has.

        On an error the folder is as it was. A folder on this machine is replaced by renaming; in a
        bucket, which can't rename, files are written one by one in the order given.
        """
        fs, root = file_system(self.root)
        if is_local(fs):
            yield from self._replace_local(Path(root))
            return
        pending: list[tuple[str, bytes]] = []
        yield lambda path, data: pending.append((path, data))
        for path, data in pending:
            fs.pipe_file(f"{root.rstrip('/')}/{self.name}/{path}", data)

    def _replace_local(self, root: Path) -> Iterator[Callable[[str, bytes], None]]:
        create_private(root)
        target, token = root / self.name, uuid4().hex
        new, old = (root / f".{self.name}.{token}.{kind}" for kind in ("new", "old"))
        create_private(new)

        def write(path: str, data: bytes) -> None:
            place = new / path
            create_private(place.parent)
            place.write_bytes(data)

        try:
            yield write
            if target.exists():
                target.rename(old)
            new.rename(target)
        finally:
            shutil.rmtree(new, ignore_errors=True)
            shutil.rmtree(old, ignore_errors=True)


def find_old_reports(root: str, before: datetime) -> list[ReportFolder]:
    """Return the reports that were written before a time, but for the newest of all.

    So are the hidden folders of those that were never finished.
    """
    fs, folder = file_system(root)
    fs.invalidate_cache(folder)
    written: dict[str, datetime] = {}
    with suppress(FileNotFoundError):
        for path in fs.ls(folder.rstrip("/"), detail=False):
            with suppress(FileNotFoundError):
                name = str(path).rstrip("/").rpartition("/")[2]
                written[name] = fs.modified(f"{path}/{INDEX if name[0] != '.' else STYLE}")
    shown = [name for name in written if not name.startswith(".")]
    newest = max(shown, key=written.__getitem__, default=None)
    old = (name for name, at in written.items() if at < before and name != newest)
    return [ReportFolder(root, name) for name in sorted(old)]
