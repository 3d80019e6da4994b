"""The folder of a report: replaced whole, so that nobody sees half of one."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from uuid import uuid4

from reports.page import INDEX, STYLE
from resources.files.file_systems import file_system, is_local
from resources.files.private import create_private

_EARLIER = 5


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

    def list_earlier(self) -> list[Path]:
        """Return the folders of reports on this machine, this one first and then the newest ones.

        Of a few, which have what a new report has in common with those before; none in a bucket.
        """
        fs, root = file_system(self.root)
        if not is_local(fs):
            return []
        written: dict[Path, float] = {}
        for path in Path(root).glob(f"[!.]*/{INDEX}"):
            with suppress(FileNotFoundError):
                written[path.parent] = path.stat().st_mtime
        own = Path(root) / self.name
        newest = sorted(written, key=lambda one: (one != own, -written[one], one))
        return newest[:_EARLIER]

    @contextmanager
    def replacing(self) -> "Iterator[LocalFolder | BucketFolder]":
        """Lend a new folder to write files into; afterwards they are what the folder has.

        On an error the folder is as it was. A folder on this machine is replaced by renaming; in a
        bucket, which can't rename, files are written one by one in the order given.
        """
        fs, root = file_system(self.root)
        if is_local(fs):
            yield from self._replace_local(Path(root))
            return
        bucket = BucketFolder()
        yield bucket
        for path, data in bucket.pending:
            fs.pipe_file(f"{root.rstrip('/')}/{self.name}/{path}", data)

    def _replace_local(self, root: Path) -> "Iterator[LocalFolder]":
        create_private(root)
        target, token = root / self.name, uuid4().hex
        new, old = (root / f".{self.name}.{token}.{kind}" for kind in ("new", "old"))
        create_private(new)
        try:
            yield LocalFolder(new)
            if target.exists():
                target.rename(old)
            new.rename(target)
        finally:
            shutil.rmtree(new, ignore_errors=True)
            shutil.rmtree(old, ignore_errors=True)


@dataclass
class BucketFolder:
    """Files that wait to be written into a bucket."""

    pending: list[tuple[str, bytes]] = field(default_factory=list)

    def write(self, path: str, data: bytes) -> None:
        """Write a file."""
        self.pending.append((path, data))


class LocalFolder:
    """A new folder on this machine."""

    def __init__(self, folder: Path) -> None:
        self._folder = str(folder)
        self._made = {""}

    def write(self, path: str, data: bytes) -> None:
        """Write a file."""
        # Only a new one: what is there already may be a link to another report's.
        with open(self._place(path), "xb", buffering=0) as file:  # noqa: PTH123 - of thousands
            file.write(data)

    def take(self, source: Path, path: str) -> bytes | None:
        """Link to a file of another report, and return its content; None if it is gone.

        Where there are no links, or not to files of somebody else, it is copied. The content is
        read from the new name: what the caller finds right stays so.
        """
        place, old = self._place(path), f"{source}/{path}"
        try:
            os.link(old, place, follow_symlinks=False)
        except FileNotFoundError:
            return None
        except OSError:
            return self._copy(old, path)
        return _read(place)

    def remove(self, path: str) -> None:
        """Remove a file, if it is there."""
        Path(self._place(path)).unlink(missing_ok=True)

    def _copy(self, old: str, path: str) -> bytes | None:
        try:
            data = _read(old)
        except OSError:
            return None
        self.write(path, data)
        return data

    def _place(self, path: str) -> str:
        parent = path.rpartition("/")[0]
        if parent not in self._made:
            create_private(Path(self._folder, parent))
            self._made.add(parent)
        return f"{self._folder}/{path}"


def _read(path: str) -> bytes:
    with open(path, "rb", buffering=0) as file:  # noqa: PTH123 - of thousands
        return file.read()


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
