"""The folder of the server's data: created aside and renamed, as a start may die at any moment.

A folder that is not complete is made again if it never held a row, and never touched if it did.
"""

import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

from resources.result_store.embedded.accounts import Account
from resources.result_store.embedded.programs import clean_environment, find_programs_for
from resources.result_store.errors import EmbeddedPostgresError

_FIRST_USER_OID = 16384
"""What initdb creates has smaller numbers, and so have its files; tables of users have larger."""

_PROOF = ("PG_VERSION", "global/pg_control")
_OWN_FILES = re.compile(r"(PG_VERSION|base|global|log|pg_.*|postgresql\..*|postmaster\..*|\..*)")
_TRUST = re.compile(r"^\s*(local|host\w*)\s.*\strust\b", re.MULTILINE)
_REASON = re.compile(r"(?:FATAL|PANIC|ERROR|error):\s+(?!the database system is )(.*)")
"""An error of the program itself, not the refusal of a client that came too early."""

HOW_TO_RESTORE = "docs/operations.md says how to restore a backup"


def same_folder() -> str:
    """Return the server's folder as its programs get it, which are started in it.

    Through this link they need no access to the folders above, which may be private.
    """
    link = "/proc/self/cwd"
    return link if Path(link).exists() else ""


def ensure_initialized(folder: Path, account: Account, server_lock: int) -> None:
    """Create the data in `folder` if there is none; only one process may do so at a time.

    Parameters
    ----------
    server_lock
        Descriptor of a locked file that initdb keeps open: if this process is killed, initdb goes
        on for a while.

    Raises
    ------
    EmbeddedPostgresError
        When the folder holds rows but is damaged, or something else, or initdb fails.
    """
    if folder.is_symlink():
        folder = folder.resolve()
    aside = folder.with_name(folder.name + ".new")
    if aside.exists():
        shutil.rmtree(aside)
    if folder.exists():
        if _is_complete(folder):
            _hand_over(folder, account)
            return
        _require_worthless(folder)
        shutil.rmtree(folder)
    try:
        _create(aside, account, server_lock)
        aside.rename(folder)
    finally:
        shutil.rmtree(aside, ignore_errors=True)
    _sync(folder.parent)


def holds_rows(folder: Path) -> bool:
    """Return whether a table was ever created there, as far as its files tell."""
    return any(_list_user_files(folder))


def _list_user_files(folder: Path) -> Iterator[Path]:
    for pattern in ("base/*", "base/*/*"):
        for path in folder.glob(pattern):
            digits = re.match(r"\d+", path.name)
            if digits and int(digits[0]) >= _FIRST_USER_OID:
                yield path
    yield from folder.glob("pg_tblspc/*")


def _is_complete(folder: Path) -> bool:
    """Return whether initdb completed there.

    This package renames what is complete. Earlier versions ran initdb in the folder itself, with
    the authentication "trust": there rows are the only proof.
    """
    if not all((folder / name).is_file() for name in _PROOF):
        return False
    return holds_rows(folder) or not trusts(folder)


def trusts(folder: Path) -> bool:
    """Return whether whoever reaches the socket would be let in."""
    with suppress(FileNotFoundError):
        return bool(_TRUST.search((folder / "pg_hba.conf").read_text(errors="replace")))
    return False


def _require_worthless(folder: Path) -> None:
    """Raise unless an incomplete folder can be deleted."""
    missing = ", ".join(name for name in _PROOF if not (folder / name).is_file())
    if holds_rows(folder):
        raise EmbeddedPostgresError(
            f"The embedded PostgreSQL in {folder} is damaged: {missing} is missing, but there are "
            f"tables. Nothing was deleted. {HOW_TO_RESTORE}; its log is {folder / 'log'}."
        )
    others = sorted(path.name for path in folder.iterdir() if not _OWN_FILES.fullmatch(path.name))
    if others:
        raise EmbeddedPostgresError(
            f"The embedded PostgreSQL can't be created in {folder}: other files are there, such as "
            f"{others[0]}. Move them, or set GAUNTLET_HOME to another folder."
        )
    if folder.is_mount():
        raise EmbeddedPostgresError(
            f"The embedded PostgreSQL can't be created in {folder}, which is a mount point: mount "
            f"{folder.parent} instead."
        )


def _hand_over(folder: Path, account: Account) -> None:
    """Give a folder of root's, such as a copy by root, to the server's user."""
    if account.uid == os.geteuid() or folder.stat().st_uid != 0:
        return
    for path in (folder, *folder.rglob("*")):
        os.chown(path, account.uid, account.gid, follow_symlinks=False)


def _create(folder: Path, account: Account, server_lock: int) -> None:
    folder.mkdir(mode=0o700)
    if os.geteuid() == 0:
        os.chown(folder, account.uid, account.gid, follow_symlinks=False)
    # The order of text is that of its bytes, on every machine.
    locale = ["--locale-provider=builtin", "--locale=C", "--builtin-locale=C.UTF-8"]
    access = ["--auth=reject", "--auth-local=peer", "--username=postgres"]
    where = ["-D", same_folder() or str(folder)]
    done = subprocess.run(  # noqa: S603
        [find_programs_for(account) / "initdb", *where, "--encoding=UTF8", *locale, *access],
        cwd=folder,
        env=clean_environment(),
        pass_fds=[server_lock],
        start_new_session=True,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        errors="replace",
        check=False,
        **switch_user(account),
    )
    if done.returncode or not all((folder / name).is_file() for name in _PROOF):
        output = f"{done.stderr}\n{done.stdout}"
        last = next(iter(output.strip().splitlines()[-1:]), "")
        reason = find_error(output, folder) or last or f"exit code {done.returncode}"
        raise EmbeddedPostgresError(
            f"The embedded PostgreSQL in {folder.with_suffix('')} can't be created: {reason}. "
            "Nothing is left of it. Set DATABASE_URL to use another PostgreSQL."
        )


def switch_user(account: Account) -> dict[str, Any]:
    """Return the arguments of `subprocess` that run a program as that user; only root needs any."""
    if os.geteuid() != 0:
        return {}
    return {"user": account.uid, "group": account.gid, "extra_groups": []}


def find_error(text: str, folder: Path) -> str:
    """Return the first error in the output of PostgreSQL's programs, if there is one."""
    found = _REASON.search(text.replace(same_folder() or str(folder), str(folder)))
    return found[1].rstrip(".;: ") if found else ""


def _sync(folder: Path) -> None:
    """Make a rename in `folder` outlive a power failure."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
