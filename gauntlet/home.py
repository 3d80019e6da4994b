"""Where the data of a project is, seen from any folder."""

import os
from collections.abc import Iterator
from pathlib import Path

from strategies.errors import GauntletError

_PROJECT = Path(__file__).resolve().parents[1]
_FOLDER = ".data"


class StoreNotFoundError(GauntletError):
    """There are no stored results where they were looked for; nothing was created."""


def find_home(given: str | os.PathLike[str] | None) -> Path:
    """Return the folder of a project's data.

    It is the given one; else GAUNTLET_HOME; else the nearest `.data` with results, from the current
    folder upwards; else that of the project which this package belongs to.

    Raises
    ------
    StoreNotFoundError
        When no results are there. Nothing is created.
    """
    looked = list(dict.fromkeys(_list_places(given)))
    for place in looked:
        for home in (place, place / _FOLDER):
            if holds_results(home):
                return home
    places = ", ".join(str(place) for place in looked)
    raise StoreNotFoundError(
        f"There are no results in {places}: run `make run` there first, or name another project's "
        "folder, as in gauntlet.open('/path/to/project')."
    )


def holds_results(home: Path) -> bool:
    """Return whether a folder has an embedded PostgreSQL with its data.

    That of another user is closed; starting it says whose it is.
    """
    try:
        return (home / "postgres" / "PG_VERSION").is_file()
    except PermissionError:
        return True


def _list_places(given: str | os.PathLike[str] | None) -> Iterator[Path]:
    if given is None:
        given = os.environ.get("GAUNTLET_HOME", "").strip() or None
    if given is not None:
        yield Path(given).expanduser().absolute()
        return
    here = Path.cwd()
    for folder in (here, *here.parents, _PROJECT):
        if folder in {here, _PROJECT} or (folder / _FOLDER).is_dir():
            yield folder / _FOLDER
