"""What a leaderboard compares: results of one purpose, window and settings, of one universe."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date
from typing import Any

from research.purpose import Purpose


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
