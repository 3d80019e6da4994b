"""What a leaderboard compares: results of one kind, of one universe."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any


@dataclass(frozen=True)
class Comparison:
    """Results of these symbols and strategies, on one source, window and terms."""

    universe: Sequence[str]
    strategies: Sequence[str]
    source: str
    start_date: date
    end_date: date
    settings: Mapping[str, Any]
