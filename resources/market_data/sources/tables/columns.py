"""Which column of a file is what, by its name: letters and digits count, in any letter case."""

import re
import unicodedata
from collections.abc import Mapping, Sequence

from resources.market_data.sources.tables.spellings import NAMES
from resources.market_data.sources.tables.table import RefusedTableError

_SHOWN = 3  # of the names of dates
_INDEX = re.compile(r"((unnamed|level|indexlevel)\d+|index)?")
_UNIT = re.compile(
    r"[(\[]\s*(?:in\s+)?(?!adj|raw|prev|int)[A-Za-z]{2,5}\s*[)\]]\s*$", re.IGNORECASE
)
_VOLUME_IN = re.compile(r"volume(?!avg|sma|ema|pct|chg)[a-z]{3,5}$")  # in BTC, in USDT

Known = Mapping[str, tuple[str, ...]]
Found = dict[str, list[int]]


def simplify(name: str) -> str:
    """Return the letters and digits of a column's name, without accents, in lower case."""
    plain = name if name.isascii() else unicodedata.normalize("NFKD", name)
    return "".join(letter for letter in plain.lower() if letter.isalnum())


class ColumnNames:
    """Recognises columns; `columns` says how the files call some of them, and then only so."""

    def __init__(self, columns: Mapping[str, str]) -> None:
        mapped = {role: (simplify(called),) for role, called in columns.items()}
        self._known: Known = {**NAMES, **mapped}
        defaults = {role: names for role, names in NAMES.items() if role not in mapped}
        # A name that is mapped is of that column, whatever it would be otherwise.
        self._roles = {
            spelling: role
            for known in (defaults, mapped)
            for role, spellings in known.items()
            for spelling in spellings
        }

    def find(self, names: Sequence[str], symbol: str) -> Found:
        """Return the positions of each column that is recognised, the best name first.

        Tried in this order: the name; without a unit in brackets, as in "Open (USD)"; without a
        number before it, as in "1. open"; without the symbol before or behind it.
        """
        found: dict[str, list[tuple[int, int]]] = {}
        for position, name in enumerate(names):
            spelling = self._recognise(name, re.escape(symbol))
            if spelling is not None:
                role = self._roles[spelling]
                rank = self._known[role].index(spelling)
                found.setdefault(role, []).append((rank, position))
        if "volume" not in found:  # "Volume BTC" and "Volume USD": the first is of what is traded
            for position, name in enumerate(names):
                if _VOLUME_IN.match(simplify(name)):
                    found.setdefault("volume", []).append((0, position))
        return {role: [position for _, position in sorted(at)] for role, at in found.items()}

    def find_one(self, role: str, found: Found, names: Sequence[str], symbol: str) -> int:
        """Return where a column is that was found.

        Raises RefusedTableError if two columns have its best name.
        """
        positions = found[role]
        first, *others = (self._recognise(names[at], re.escape(symbol)) for at in positions)
        if first is not None and first in others:
            raise RefusedTableError(f"column '{first}' is twice in its file.")
        return positions[0]

    def is_index(self, name: str) -> bool:
        """Return whether a name is none, or what pandas and R call an index without a name."""
        return bool(_INDEX.fullmatch(simplify(name)))

    def describe(self, role: str) -> str:
        """Return what a column is called, for an error: dates have no name that all know."""
        return " or ".join(self._known[role][: _SHOWN if role == "date" else 1])

    def _recognise(self, name: str, symbol: str) -> str | None:
        simple = simplify(name)
        if simple in self._roles:
            return simple
        candidates = [
            simplify(_UNIT.sub("", name)),
            simple.lstrip("0123456789"),
            simplify(
                re.sub(rf"^{symbol}[^A-Za-z0-9]|[^A-Za-z0-9]{symbol}\W*$", "", name, flags=re.I)
            ),
        ]
        return next((one for one in candidates if len(one) > 1 and one in self._roles), None)
