"""The file system that a folder or URL stands for; fsspec is imported when one is opened.

Resources are imported by whatever loads the definitions, and fsspec would cost it more than all
of them together.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from fsspec import AbstractFileSystem


def file_system(url: str) -> "tuple[AbstractFileSystem, str]":
    """Return the file system of a folder or URL, and the path in it."""
    import fsspec

    return fsspec.url_to_fs(url)


def is_local(fs: "AbstractFileSystem") -> bool:
    """Return whether a file system is this machine's."""
    from fsspec.implementations.local import LocalFileSystem

    return isinstance(fs, LocalFileSystem)
