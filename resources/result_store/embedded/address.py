"""Where the server is reached, and by whom.

Its socket lies in the folder of its data, which has mode 0700 and belongs to the server's user, and
PostgreSQL asks the kernel who connects ("peer"): the server's user and root, nobody else.
"""

import hashlib
import os
import re
import tempfile
from contextlib import suppress
from pathlib import Path
from uuid import uuid4

import sqlalchemy as sa

from resources.result_store.embedded.accounts import Account

PORT = 5432
"""Part of the socket's name; nothing listens on the network."""

_SOCKET = f".s.PGSQL.{PORT}"

_LONGEST_PATH = 100
"""Bytes of a socket's path; the limit of Linux is 107, that of macOS 103."""

_NO_HOST = re.compile(r"[\s,]")
"""A comma separates hosts in libpq, and it does not read a space as URLs have it."""


def build_url(folder: Path) -> sa.URL:
    """Return the URL of the server with its data in `folder`."""
    query = {"host": str(_find_host(folder)), "port": str(PORT)}
    return sa.URL.create("postgresql+psycopg", "postgres", database="postgres", query=query)


def find_socket(folder: Path) -> Path:
    """Return the path of the socket by which clients reach the server."""
    return _find_host(folder) / _SOCKET


def build_access_files(account: Account) -> dict[str, str]:
    """Return the files of PostgreSQL that say who may connect: its user and root, as any role."""
    users = dict.fromkeys([account.name, "root"])
    head = "# Written at each start of the server; changes are lost.\n"
    return {
        "pg_hba.conf": f"{head}local all,replication all peer map=gauntlet\n",
        "pg_ident.conf": head + "".join(f'gauntlet "{name}" all\n' for name in users),
    }


def _find_host(folder: Path) -> Path:
    """Return the socket's folder under a name that clients can use."""
    if len(os.fsencode(folder / _SOCKET)) <= _LONGEST_PATH and not _NO_HOST.search(str(folder)):
        return folder
    digest = hashlib.sha256(os.fsencode(folder)).hexdigest()[:16]
    link = _find_private_folder() / digest
    with suppress(OSError):
        if link.readlink() == folder:
            return link
    aside = link.with_name(f"{digest}-{uuid4().hex}")
    aside.symlink_to(folder)
    aside.replace(link)
    return link


def _find_private_folder() -> Path:
    """Return a folder with a short path in which only this user can have made a link.

    A link that another user made could lead to a server of that user's.
    """
    runtime = os.environ.get("XDG_RUNTIME_DIR", "")
    if runtime and _is_private(Path(runtime)):
        folder = Path(runtime) / "gauntlet"
    else:
        folder = Path(tempfile.gettempdir()) / f"gauntlet-{os.geteuid()}"
    with suppress(OSError):
        folder.mkdir(mode=0o700)
    if _is_private(folder):
        return folder
    return Path(tempfile.mkdtemp(prefix="gauntlet-"))


def _is_private(folder: Path) -> bool:
    """Return whether it is a folder, no link, of this user, closed to all others."""
    try:
        found = folder.lstat()
    except OSError:
        return False
    is_folder = folder.is_dir() and not folder.is_symlink()
    return is_folder and found.st_uid == os.geteuid() and not found.st_mode & 0o077
