"""What makes two backtests the same one: the natural key, and the identifier derived from it.

The identifier is computed, not drawn, so that a re-run finds the row it wrote before, from any
process and without asking the database.
"""

import json
from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from functools import lru_cache
from typing import Any
from uuid import UUID, uuid5

from research.errors import InvalidResultError

NATURAL_KEY = (
    "symbol",
    "strategy",
    "parameters",
    "start_date",
    "end_date",
    "settings",
    "source",
    "data_version",
    "code_version",
    "universe_version",
    "bars_per_year",
)
"""The columns that identify a backtest: the same key gives the same result, to the bit.

`universe_version` is None for a backtest that is compared with no universe. `bars_per_year` is that
of the symbol's calendar unless the settings give one.
"""

_NAMESPACE = UUID("5b0f5a0e-6f0c-5d0e-9a52-0c4b8f1c7e11")


def _to_dict(value: Any) -> dict[Any, Any]:
    if isinstance(value, Mapping):
        return dict(value)
    raise TypeError(f"a {type(value).__name__} is no JSON")


_ENCODER = json.JSONEncoder(
    sort_keys=True, separators=(",", ":"), allow_nan=False, ensure_ascii=False, default=_to_dict
)


def backtest_id(
    *,
    symbol: str,
    strategy: str,
    parameters: Mapping[str, Any],
    start_date: date,
    end_date: date,
    settings: Mapping[str, Any],
    source: str,
    data_version: str,
    code_version: str,
    universe_version: str | None,
    bars_per_year: float,
) -> UUID:
    """Return the identifier of the backtest with this natural key.

    Raises
    ------
    InvalidResultError
        When parameters or settings hold NaN, an infinity or a value that JSON has no type for.
    """
    key = [symbol, strategy, parameters, start_date.isoformat(), end_date.isoformat()]
    rest = [source, data_version, code_version, universe_version, bars_per_year]
    texts = map(canonical_json, [*key, settings, *rest])
    return uuid5(_NAMESPACE, f"[{','.join(texts)}]")


def seeds_of(parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Return the random seeds among some parameters: ``seed``, and what ends in ``_seed``."""
    return {name: value for name, value in parameters.items() if f"_{name}".endswith("_seed")}


def canonical_json(value: Any) -> str:
    """Return the one text of `value`: keys sorted, no whitespace, a number written one way.

    ``2`` and ``2.0`` are the same number to a reader, to Python and to JSONB's equality, so they
    are the same here; other floats are written by `repr`, which loses no bit.
    """
    text = json_text(value)
    return text if isinstance(value, str) else canonical_text(text)


@lru_cache(maxsize=4096)
def canonical_text(text: str) -> str:
    """Return the one text of what a JSON text says; settings repeat in each row of a run."""
    return json_text(_normalize(json.loads(text)))


def json_text(value: Any) -> str:
    """Return compact JSON with sorted keys that keeps ``2.0`` a float; for storing.

    Raises
    ------
    InvalidResultError
        For NaN, an infinity or a value that JSON has no type for.
    """
    try:
        return _ENCODER.encode(value)
    except (TypeError, ValueError) as error:
        raise InvalidResultError(f"{value!r} can't be stored as JSON: {error}.") from None


def _normalize(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _normalize(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_normalize(item) for item in value]
    if isinstance(value, float) and value.is_integer():
        # By way of its shortest text: JSONB is given 1e+23 and reads it as exactly 10**23.
        return int(Decimal(repr(value)))
    return value
