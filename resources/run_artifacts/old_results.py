"""Which results of research are old: by the age of their files, strategy by strategy."""

from contextlib import suppress
from datetime import datetime
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    from fsspec import AbstractFileSystem


def find_old_results(
    fs: "AbstractFileSystem", folder: str, before: datetime, *, depth: int
) -> list[tuple[str, str]]:
    """Return strategy and identifier of the results whose files were all written before a time.

    Not the newest of each strategy, which other research and people read.

    Parameters
    ----------
    folder
        Of one kind of results; the folders of strategies are in it.
    depth
        Of the files: 2 for strategy and file, 3 with a folder for each result.
    """
    fs.invalidate_cache(folder)
    written: dict[tuple[str, str], datetime] = {}
    for path in fs.find(folder):
        parts = PurePosixPath(str(path).removeprefix(f"{folder}/")).parts
        # What is being written has a hidden name until it is whole.
        if len(parts) != depth or parts[1].startswith("."):
            continue
        key = parts[0], parts[1].partition(".")[0]
        # A file that is being written loses its first name meanwhile.
        with suppress(FileNotFoundError):
            when = cast("datetime", fs.modified(path))
            written[key] = max(when, written.get(key, when))
    newest = {key[0]: key for key in sorted(written, key=written.__getitem__)}
    kept = set(newest.values())
    return sorted(key for key, when in written.items() if when < before and key not in kept)
