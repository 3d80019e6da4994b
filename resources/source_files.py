"""The files that a process's code is read from."""

import os
from collections.abc import Iterable, Iterator
from pathlib import Path


def list_source_files(
    root: Path, packages: Iterable[str], suffixes: tuple[str, ...] = (".py",)
) -> Iterator[str]:
    """Yield the files of packages that Python, or a template, can read, in the same order always.

    Without those whose names begin with a dot, which can't be imported: an editor's lock beside a
    file that is being edited is a link to nowhere, and a copy that is being written goes away.
    """
    for package in packages:
        for folder, folders, names in os.walk(root / package):
            folders[:] = sorted(one for one in folders if one != "__pycache__" and one[0] != ".")
            yield from (
                f"{folder}{os.sep}{name}"
                for name in sorted(names)
                if name.endswith(suffixes) and name[0] != "."
            )
