"""File systems of folders and URLs, by fsspec, which is imported when one is opened.

Resources are imported with the definitions, and fsspec would cost that more than all of them
together.
"""

from typing import TYPE_CHECKING, Any, cast

from engine.errors import MissingPackageError
from resources.files.regular_file import RefusedFileError, read_regular

if TYPE_CHECKING:
    from fsspec import AbstractFileSystem

_OF_S3 = ("s3", "s3a")


def file_system(url: str) -> "tuple[AbstractFileSystem, str]":
    """Return the file system of a folder or URL, and the path in it.

    Raises
    ------
    MissingPackageError
        When fsspec needs a package for it that is not installed.
    """
    import fsspec

    try:
        return fsspec.url_to_fs(url)
    except ImportError as error:
        protocol = url.partition("://")[0]
        if protocol in _OF_S3:
            raise MissingPackageError.of(f"{protocol}://", "s3") from error
        raise MissingPackageError(f"{protocol}:// needs a package: {error}.") from error


def is_local(fs: "AbstractFileSystem") -> bool:
    """Return whether a file system is this machine's."""
    from fsspec.implementations.local import LocalFileSystem

    return isinstance(fs, LocalFileSystem)


def to_url(fs: "AbstractFileSystem", path: str) -> str:
    """Return a path as people write it: as it is if local, and otherwise as a URL."""
    return path if is_local(fs) else fs.unstrip_protocol(path)


def read_file(fs: "AbstractFileSystem", path: str) -> bytes | None:
    """Return the content of a file; None if there is no file.

    Locally, what is no regular file raises RefusedFileError: a pipe would be waited for.
    """
    try:
        if is_local(fs):
            return _read_local(path)
        return cast("bytes", fs.cat_file(path))  # str only for file systems that decode text
    except FileNotFoundError:
        return None


def read_files(fs: "AbstractFileSystem", paths: list[str]) -> list[bytes | Exception]:
    """Return the content of each file, or why it can't be read; from buckets, all at once."""
    if is_local(fs):
        return [_try_local(path) for path in paths]
    # Not `cat`, which takes brackets in a path for a pattern. None to None is the whole file.
    whole: Any = None
    return fs.cat_ranges(paths, whole, whole, on_error="return")


def _read_local(path: str) -> bytes:
    try:
        return read_regular(path)
    except RefusedFileError as error:
        raise RefusedFileError(f"{path} can't be read: {error}.") from error


def _try_local(path: str) -> bytes | Exception:
    try:
        return _read_local(path)
    except (OSError, RefusedFileError) as error:
        return error
