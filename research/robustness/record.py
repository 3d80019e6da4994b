"""Tests of robustness as plain values: what a file of them says, and people read."""

import math
from collections.abc import Mapping
from dataclasses import asdict
from datetime import date
from typing import Any

from research.robustness.assessment import Robustness
from research.robustness.day_permutation import DayPermutation


def describe_robustness(
    found: Robustness, day_permutation: DayPermutation | None = None
) -> dict[str, Any]:
    """Return the tests of one strategy by the names of their fields, fit for JSON.

    Days are ISO 8601; None where a number is undefined, and where no days were permuted.
    """
    permuted = None if day_permutation is None else asdict(day_permutation)
    return _to_plain(asdict(found) | {"day_permutation": permuted})


def _to_plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {name: _to_plain(one) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [_to_plain(one) for one in value]
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return value.isoformat() if isinstance(value, date) else value
