"""Whose folder it is: root can write anywhere, and what it creates is then root's."""

import os
import pwd
from pathlib import Path

from strategies.errors import GauntletError


class ForeignFolderError(GauntletError):
    """A run as root in the folder of a user, who could not change afterwards what it creates."""


def require_own_folder(folder: Path) -> None:
    """Refuse, as root, a folder that belongs to a user of this machine; nothing is created.

    A folder that does not exist yet belongs to the owner of the one that it would be created in. An
    owner without a name is that of a folder which a container got from its host.

    Raises
    ------
    ForeignFolderError
        With the command that runs as the owner.
    """
    if os.geteuid() != 0:
        return
    nearest = next(place for place in (folder, *folder.parents) if place.exists())
    owner = nearest.stat().st_uid
    try:
        name = pwd.getpwuid(owner).pw_name
    except KeyError:
        return
    if owner != 0:
        raise ForeignFolderError(
            f"{nearest} belongs to {name}, who could not change what root creates there: run this "
            f"as {name}, as in `sudo -u {name} make run`, or set GAUNTLET_HOME to a folder of "
            "root's."
        )
