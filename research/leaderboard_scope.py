"""What a leaderboard compares: results of one purpose, window and settings, of one universe."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date
from typing import Any

from research.natural_key import canonical_json
from research.purpose import Purpose

_HASH_DIGITS = 8


@dataclass(frozen=True)
class RankedStrategy:
    """A strategy of a leaderboard: its parameters, and the current version of its code.

    A result of another version is ranked too, and counted as stale.
    """

    parameters: Mapping[str, Any]
    code_version: str


@dataclass(frozen=True)
class LeaderboardScope:
    """Which results are compared with each other.

    Parameters
    ----------
    universe
        Symbols.
    strategies
        By name.
    source, start_date, end_date, settings
        The columns of a result that must be equal to these.
    purpose
        Of the runs that have the results.
    """

    universe: Sequence[str]
    strategies: Mapping[str, RankedStrategy]
    source: str
    start_date: date
    end_date: date
    settings: Mapping[str, Any]
    purpose: Purpose = Purpose.PIPELINE

    def to_json(self) -> dict[str, Any]:
        """Return universe, strategies and settings as JSON holds them."""
        return {
            "universe": list(self.universe),
            "strategies": {name: asdict(one) for name, one in self.strategies.items()},
            "settings": dict(self.settings),
        }

    def name(self, *, rolling: bool = False) -> str:
        """Return a name for files that no other scope has, whatever the version of the code.

        Parameters
        ----------
        rolling
            Whether the window ends later from run to run; all of these have one name.
        """
        parameters = {name: dict(one.parameters) for name, one in self.strategies.items()}
        compared = [sorted(self.universe), parameters, dict(self.settings)]
        digest = hashlib.sha256(canonical_json(compared).encode()).hexdigest()
        end = "latest" if rolling else self.end_date
        return f"{self.source}_{self.start_date}_{end}_{digest[:_HASH_DIGITS]}"


@dataclass(frozen=True)
class Coverage:
    """How much of its universe a leaderboard is of.

    Parameters
    ----------
    symbols
        Those with a result that counts.
    universe_symbols
        Those of the universe that were listed in the window.
    share
        Of the latter under all strategies, what has a result or has failed: 1 for a run of the
        whole universe, however much of it failed.
    """

    symbols: int
    universe_symbols: int
    share: float


def is_shared(purpose: Purpose, share: float, shared: float | None) -> bool:
    """Return whether a leaderboard becomes the one that everybody is shown.

    Only one on the configured settings does, and one of part of the universe only if the shared
    one is of no more.

    Parameters
    ----------
    share
        What it covers of its universe.
    shared
        What the shared one covers of its own; None if there is none.
    """
    return purpose is Purpose.PIPELINE and (shared is None or share >= shared)
