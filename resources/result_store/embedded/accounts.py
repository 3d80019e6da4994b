"""The operating system's user that the server runs as.

PostgreSQL refuses to run as root. As root the server runs as the owner of the folder, so that a run
as root in the folder of a user takes nothing from that user; where the folder is root's own, as a
system user ``pgserver``, which is created.
"""

import fcntl
import os
import pwd
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from resources.result_store.errors import EmbeddedPostgresError

SYSTEM_USER = "pgserver"

_TRIES = 20


@dataclass(frozen=True)
class Account:
    """A user of the operating system."""

    uid: int
    gid: int
    name: str


def choose_account(folder: Path) -> Account:
    """Return the user that a server with its data in `folder` runs as.

    Raises
    ------
    EmbeddedPostgresError
        When the data belongs to another user, when this user has no name, or when root can't
        create the system user.
    """
    nearest = next(place for place in (folder, *folder.parents) if place.exists())
    owner, me = nearest.stat().st_uid, os.geteuid()
    if me == 0:
        return _find(owner) or create_account(f"{SYSTEM_USER}{owner or ''}", owner or None)
    if nearest == folder and owner != me:
        raise EmbeddedPostgresError(
            f"The embedded PostgreSQL in {folder} belongs to {describe_user(owner)}, not to "
            f"{describe_user(me)}: run this as its owner, set GAUNTLET_HOME to a folder of your "
            f"own, or, if it is yours, `sudo chown -R {me} {folder}`."
        )
    account = _find(me)
    if account is None:
        raise EmbeddedPostgresError(
            f"The embedded PostgreSQL can't run as the user {me}, who has no name on this "
            "machine: add a line to /etc/passwd, or set DATABASE_URL to use another PostgreSQL."
        )
    return account


def describe_user(uid: int) -> str:
    """Return a user's name, or the number of one without."""
    account = _find(uid) if uid else None
    return account.name if account else ("root" if uid == 0 else f"the user {uid}")


def _find(uid: int) -> Account | None:
    """Return the user of that number, who is not root; None if there is none."""
    try:
        entry = pwd.getpwuid(uid)
    except KeyError:
        return None
    return Account(uid, entry.pw_gid, entry.pw_name) if uid else None


def create_account(name: str, uid: int | None = None) -> Account:
    """Return the system user of that name, created if there is none; needs root.

    Parameters
    ----------
    uid
        Number of the user; None for a free one.

    Raises
    ------
    EmbeddedPostgresError
        When it can't be created; the text has the reason.
    """
    reason = ""
    # /etc/passwd can be changed by one program at a time, and another may create the same user.
    for _ in range(_TRIES):
        with _alone():
            try:
                entry = pwd.getpwnam(name)
            except KeyError:
                reason = _add_user(name, uid)
            else:
                return Account(entry.pw_uid, entry.pw_gid, name)
        if reason:
            time.sleep(0.25)
    raise EmbeddedPostgresError(
        f"The embedded PostgreSQL can't run as root, and a user {name!r} can't be created: "
        f"{reason}. Create it, run as another user, or set DATABASE_URL to use another PostgreSQL."
    )


@contextmanager
def _alone() -> Iterator[None]:
    """Let one of our processes at a time add a user: two at once had given one name two numbers."""
    descriptor = os.open("/etc", os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _add_user(name: str, uid: int | None) -> str:
    """Create a user without a login or a folder; return the reason why it was not created."""
    # The PATH of a cron job or a service often lacks the folders of root's programs.
    path = f"{os.environ.get('PATH', os.defpath)}:/usr/sbin:/sbin"
    program = shutil.which("useradd", path=path)
    if program is None:
        return "there is no program useradd"
    number = ["--uid", str(uid)] if uid is not None else []
    command = [program, "--system", "--no-create-home", "--shell", "/usr/sbin/nologin", *number]
    done = subprocess.run(  # noqa: S603
        [*command, name], capture_output=True, text=True, check=False
    )
    lines = done.stderr.strip().splitlines()
    return "" if done.returncode == 0 else next(iter(lines[-1:]), f"exit code {done.returncode}")
