"""Tables of an exchange's sessions on disk: to build one takes longer than most of a run's work."""

from __future__ import annotations

import io
import sys
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import date
from hashlib import sha256
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

from resources.files.atomic_write import write_whole
from resources.files.file_systems import file_system
from resources.files.private import create_private

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_MADE_BY = ("exchange-calendars", "pandas", "numpy")
"""The libraries of other versions of which a table is made again."""


@dataclass(frozen=True)
class SessionTable:
    """The known sessions of an exchange.

    Attributes
    ----------
    first, last
        The days between which sessions are known.
    days
        The sessions, ascending: datetime64[D], shape (n,).
    closes
        When each ends, in UTC: datetime64[s], shape (n,).
    timezone
        The exchange's, a name of the IANA database.
    """

    first: date
    last: date
    days: NDArray[np.datetime64]
    closes: NDArray[np.datetime64]
    timezone: str


class SessionTables:
    """The tables that are kept, in the first of some folders that can be written to."""

    def __init__(self, *folders: Path) -> None:
        self.folders = folders

    def keep_for(self, home: Path) -> None:
        """Keep tables with the virtual environment of this process, else in a folder of data.

        They are of the libraries that are installed there, so that new data need not wait for them.
        """
        own = Path(sys.prefix) / "share" / "gauntlet" / "calendars"
        installed = (own,) if sys.prefix != sys.base_prefix else ()
        self.folders = (*installed, home / "calendars")

    def get(self, name: str, rules: str, build: Callable[[], SessionTable]) -> SessionTable:
        """Return the table of a calendar: the kept one, or what `build` returns, which is kept.

        A table that can't be read whole, or was made by other libraries, is built again; one that
        can't be kept is built by each process.

        Parameters
        ----------
        name
            Of the calendar.
        rules
            What else a table depends on; with other rules it is another one.
        """
        made_by = " ".join([name, rules, *(f"{one} {version(one)}" for one in _MADE_BY)])
        file = f"{sha256(made_by.encode()).hexdigest()[:32]}.table"
        for folder in self.folders:
            if (kept := _read(folder / file)) is not None:
                return kept
        built = build()
        for folder in self.folders:
            with suppress(OSError):
                create_private(folder)
                fs, place = file_system(str(folder / file))
                write_whole(fs, place, _encode(built))
                break
        return built


TABLES = SessionTables()
"""Those of this process; `pipelines.definitions` says where they are kept."""


def _encode(table: SessionTable) -> bytes:
    import numpy as np

    content = io.BytesIO()
    span = np.array([table.first, table.last], dtype="datetime64[D]")
    np.savez(
        content,
        span=span.astype(np.int64),
        days=table.days.astype(np.int64),
        closes=table.closes.astype(np.int64),
        timezone=np.array(table.timezone),
    )
    arrays = content.getvalue()
    return sha256(arrays).digest() + arrays


def _read(path: Path) -> SessionTable | None:
    """Return the table of a file; None if there is none, or a bit of it has changed."""
    import numpy as np

    try:
        content = path.read_bytes()
    except OSError:
        return None
    digest, arrays = content[:_DIGEST_SIZE], content[_DIGEST_SIZE:]
    if sha256(arrays).digest() != digest:
        return None
    with np.load(io.BytesIO(arrays)) as table:
        first, last = (date.fromordinal(_EPOCH + int(day)) for day in table["span"])
        return SessionTable(
            first,
            last,
            table["days"].astype("datetime64[D]"),
            table["closes"].astype("datetime64[s]"),
            str(table["timezone"]),
        )


_DIGEST_SIZE = sha256().digest_size
_EPOCH = date(1970, 1, 1).toordinal()
