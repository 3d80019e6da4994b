"""Data of one user of a machine: folders of mode 0700, files of mode 0600, whatever the umask is.

A folder that its group may write to and that hands its group on (setgid, as in `chmod 2770`) is
shared on purpose: what is made in it is for the group as well, and for nobody else.
"""

import os
import stat
from pathlib import Path

# What is in a folder of data. One with another folder in it is somebody's own, and is let be.
_OURS = frozenset(
    {
        *("prices", "backtests", "reports", "logs", "rate_limits", "postgres", "dagster"),
        "calendars",
        *("compute_logs", "artifacts"),
    }
)
_SHARED = stat.S_ISGID | stat.S_IWGRP
_GROUP_AND_OTHERS = stat.S_IRWXG | stat.S_IRWXO


def create_private(folder: Path) -> None:
    """Create a folder, and those above it that are missing, for this user only.

    Inside a folder that is shared with a group it is for that group too. What exists is left as it
    is.
    """
    if folder.is_dir():
        return
    create_private(folder.parent)
    shared = _is_shared(folder.parent)
    try:
        folder.mkdir(mode=0o700)
    except FileExistsError:
        if not folder.is_dir():  # made by another process meanwhile
            raise
    else:
        if shared:
            folder.chmod(0o2770)


def create_private_file(path: Path) -> None:
    """Create an empty file for this user only, or make ours so that exists, as SQLite's.

    SQLite gives the files that it makes beside a database the mode of the database.
    """
    mode = 0o660 if _is_shared(path.parent) else 0o600
    try:
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, mode))
    except FileExistsError:
        _restrict(path, mode)


def protect_home(home: Path) -> None:
    """Make all that this process creates from now on private, and the folder of our data if it is.

    That is changed only if it belongs to this user and has no folder but ours.
    """
    existing = next(one for one in (home, *home.absolute().parents) if one.is_dir())
    os.umask(0o007 if _is_shared(existing) else 0o077)
    tighten(home)


def tighten(home: Path) -> None:
    """Take the rights of others from a folder of our data, and of its group if it isn't shared."""
    if _is_ours(home):
        _restrict(home, 0o2770 if _is_shared(home) else 0o700)


def _restrict(path: Path, allowed: int) -> None:
    """Take from what belongs to this user the rights that are not allowed; add none."""
    found = path.stat()
    mode = stat.S_IMODE(found.st_mode)
    if found.st_uid == os.geteuid() and mode & ~allowed & _GROUP_AND_OTHERS:
        path.chmod(mode & (allowed | ~_GROUP_AND_OTHERS))


def _is_shared(folder: Path) -> bool:
    return folder.stat().st_mode & _SHARED == _SHARED


def _is_ours(home: Path) -> bool:
    if not home.is_dir() or home.stat().st_mode & stat.S_ISVTX:
        return False
    folders = {entry.name for entry in os.scandir(home) if entry.is_dir()}
    return folders <= _OURS
