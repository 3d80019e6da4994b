"""A file is written completely or not at all: real failures of disk, folder and bucket."""

import resource
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import fsspec
import pytest
from fsspec import AbstractFileSystem
from fsspec.implementations.dirfs import DirFileSystem
from fsspec.implementations.local import LocalFileSystem
from fsspec.implementations.memory import MemoryFileSystem

from resources.files.atomic_write import write_whole

LOCAL = LocalFileSystem()


class _Bucket(MemoryFileSystem):
    """A separate bucket, which runs out of space when `full`."""

    cachable = False

    def __init__(self) -> None:
        super().__init__()
        self.store: dict[str, Any] = {}
        self.pseudo_dirs = [""]
        self.full = self.gone = False

    def cp_file(self, path1: str, path2: str, **kwargs: Any) -> None:
        if self.full:
            raise OSError(28, "No space left in the bucket")
        super().cp_file(path1, path2, **kwargs)

    def _rm(self, path: str) -> None:
        if self.gone:
            raise PermissionError(f"may not delete {path}")
        super()._rm(path)


@pytest.fixture(params=["local", "bucket"])
def fs(request: pytest.FixtureRequest) -> AbstractFileSystem:
    return LOCAL if request.param == "local" else _Bucket()


def _names(fs: AbstractFileSystem, folder: Path) -> list[str]:
    return sorted(Path(str(path)).name for path in fs.find(str(folder)))


@contextmanager
def _files_end_at(size: int) -> Iterator[None]:
    """Limit the size of files of this process to `size` bytes, like a quota."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_a_file_is_written_with_its_folders_and_replaced(fs: AbstractFileSystem, tmp_path: Path):
    path = str(tmp_path / "new" / "folder" / "file")
    for content in (b"old and longer", b"new", b""):
        write_whole(fs, path, content)
        assert fs.cat_file(path) == content
    assert _names(fs, tmp_path) == ["file"]


def test_a_memory_file_system_is_written_to():
    fs, path = fsspec.url_to_fs("memory://atomic_write/file")
    write_whole(fs, path, b"content")
    assert fs.find("/atomic_write") == [path]
    fs.rm("/atomic_write", recursive=True)


@pytest.mark.skipif(sys.platform == "win32", reason="no quota on the size of files")
def test_a_full_disk_keeps_the_old_file_and_no_temporary_ones(tmp_path: Path):
    path = tmp_path / "file"
    write_whole(LOCAL, str(path), b"old")
    with _files_end_at(4096), pytest.raises(OSError, match="File too large"):
        write_whole(LOCAL, str(path), bytes(100_000))
    assert path.read_bytes() == b"old"
    assert _names(LOCAL, tmp_path) == ["file"]


def test_a_target_that_is_a_folder_is_left_alone(tmp_path: Path):
    (tmp_path / "file").mkdir()
    with pytest.raises(IsADirectoryError):
        write_whole(LOCAL, str(tmp_path / "file"), b"new")
    assert [path.name for path in tmp_path.iterdir()] == ["file"]
    assert list((tmp_path / "file").iterdir()) == []


def test_a_folder_that_is_a_file_is_left_alone(tmp_path: Path):
    (tmp_path / "file").write_bytes(b"old")
    with pytest.raises((FileExistsError, NotADirectoryError)):
        write_whole(LOCAL, str(tmp_path / "file" / "below"), b"new")
    assert (tmp_path / "file").read_bytes() == b"old"


def test_invalid_data_keeps_the_old_file_and_no_temporary_ones(
    fs: AbstractFileSystem, tmp_path: Path
):
    path = str(tmp_path / "file")
    write_whole(fs, path, b"old")
    text: Any = "not bytes"
    with pytest.raises(TypeError):
        write_whole(fs, path, text)
    assert fs.cat_file(path) == b"old"
    assert _names(fs, tmp_path) == ["file"]


def test_a_full_bucket_keeps_the_old_file_and_no_temporary_ones():
    bucket = _Bucket()
    write_whole(bucket, "/prices/file", b"old")
    bucket.full = True
    with pytest.raises(OSError, match="No space left in the bucket"):
        write_whole(bucket, "/prices/file", b"new")
    assert bucket.cat_file("/prices/file") == b"old"
    assert bucket.find("/prices") == ["/prices/file"]


def test_a_failing_clean_up_does_not_hide_the_first_error():
    bucket = _Bucket()
    bucket.full = bucket.gone = True
    with pytest.raises(OSError, match="No space left in the bucket"):
        write_whole(bucket, "/prices/file", b"new")
    assert not bucket.exists("/prices/file")


@pytest.mark.parametrize("folder", ["run[1]", "all*", "what?"])
def test_a_path_is_never_a_pattern(fs: AbstractFileSystem, tmp_path: Path, folder: str):
    path = str(tmp_path / folder / "file")
    write_whole(fs, path, b"content")
    assert fs.cat_file(path) == b"content"
    assert _names(fs, tmp_path) == ["file"]


def test_in_a_bucket_a_file_may_have_the_name_of_a_folder():
    bucket = _Bucket()
    write_whole(bucket, "/prices/file/below", b"other")
    write_whole(bucket, "/prices/file", b"content")
    assert bucket.cat_file("/prices/file") == b"content"
    assert bucket.cat_file("/prices/file/below") == b"other"
    assert [path for path in bucket.store if "tmp" in path] == []


def test_the_rename_of_a_file_system_is_used(tmp_path: Path):
    class Renaming(DirFileSystem):
        moved = 0

        def mv(self, *args: Any, **kwargs: Any) -> None:
            self.moved += 1
            super().mv(*args, **kwargs)

    fs = Renaming(str(tmp_path), fs=LOCAL, skip_instance_cache=True)
    write_whole(fs, "folder/file", b"content")
    assert (fs.moved, _names(LOCAL, tmp_path)) == (1, ["file"])


def test_two_writers_of_one_path_leave_one_complete_file(fs: AbstractFileSystem, tmp_path: Path):
    path = str(tmp_path / "file")
    contents = [bytes([number]) * 200_000 for number in range(8)]

    def write(content: bytes) -> bool:
        write_whole(fs, path, content)
        return fs.cat_file(path) in contents

    with ThreadPoolExecutor(2) as pool:
        assert all(pool.map(write, contents * 4))
    assert _names(fs, tmp_path) == ["file"]
