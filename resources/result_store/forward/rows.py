"""Forward records as rows, and back; what cannot be stored is refused."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict
from typing import Any
from uuid import UUID

import numpy as np

from research.errors import InvalidResultError
from research.forward.expectation import Expectation
from research.forward.known_bars import KnownBars
from research.forward.record import (
    ForwardAddition,
    ForwardDays,
    ForwardState,
    Freeze,
)
from resources.result_store import validation
from strategies.base import Floats

ACCOUNTS = np.dtype("<f8")
SIDES = np.dtype("i1")
_EXPECTED = ("mean", "deviation", "beta", "residual_mean", "residual_deviation")


def build_bars_row(known: KnownBars) -> dict[str, Any]:
    """Return the row of the bars that a record rests on."""
    return {
        "id": known.identifier,
        "session": known.session,
        "symbols": list(known.symbols),
        "through": known.through.astype("datetime64[D]").tolist(),
        "versions": list(known.versions),
    }


def read_bars(row: Mapping[str, Any]) -> KnownBars:
    """Return the bars of a row."""
    through = np.array(row["through"], dtype="datetime64[D]")
    return KnownBars(row["session"], tuple(row["symbols"]), through, tuple(row["versions"]))


def build_record_row(added: ForwardAddition, freeze: Freeze, run_id: str) -> dict[str, Any]:
    """Return the row of a record that begins now."""
    frozen, expected = added.frozen, freeze.expectation
    numbers: dict[str, Any] = dict.fromkeys(_EXPECTED)
    if expected is not None:
        numbers = asdict(expected)
    return {
        "id": frozen.identifier,
        "strategy": validation.require_text("strategy", frozen.strategy),
        "parameters": dict(frozen.parameters),
        "code_version": validation.require_text("code_version", frozen.code_version),
        "source": validation.require_text("source", frozen.source),
        "symbols": list(frozen.symbols),
        "start_date": frozen.start_date,
        "settings": dict(frozen.settings),
        "session": freeze.session,
        "bars_id": added.known.identifier,
        "expected_bars": numbers.pop("bars", None),
        **numbers,
        "exposure": freeze.exposure,
        "joining_cost": freeze.joining_cost,
        "bars_per_year": freeze.bars_per_year,
        "run_id": run_id,
    }


def read_freeze(row: Mapping[str, Any]) -> Freeze:
    """Return the state in which a record began."""
    bars = row["expected_bars"]
    expected = None if bars is None else Expectation(bars, *(row[name] for name in _EXPECTED))
    numbers = row["exposure"], row["joining_cost"], row["bars_per_year"]
    return Freeze(row["session"], expected, *numbers)


def build_day_rows(added: ForwardAddition, run_id: str) -> Iterator[dict[str, Any]]:
    """Yield a row per day.

    Raises
    ------
    InvalidResultError
        When arrays do not fit, or a return is not finite.
    """
    days, symbols = added.days, len(added.frozen.symbols)
    shape = len(days.sessions), symbols
    if days.accounts.shape != shape or days.sides.shape != shape:
        raise InvalidResultError(
            f"The accounts of {added.frozen.strategy} have shape {days.accounts.shape}; needed: "
            f"{shape}, its days and symbols."
        )
    for day, session in enumerate(days.sessions.tolist()):
        yield {
            "record_id": added.frozen.identifier,
            "session": session,
            "bars_id": added.known.identifier,
            "universe_return": _require_finite(added, "return", days.returns, day),
            "market_return": _require_finite(added, "market", days.market, day),
            "exposure": float(days.exposure[day]),
            "accounts": days.accounts[day].astype(ACCOUNTS).tobytes(),
            "sides": days.sides[day].astype(SIDES).tobytes(),
            # What was found of the past is said on the first day that follows it.
            "revised": list(added.revised) if day == 0 else [],
            "late": list(added.late) if day == 0 else [],
            "absent": list(added.absent) if day == shape[0] - 1 else [],
            "run_id": run_id,
        }


def read_days(rows: Sequence[Mapping[str, Any]], symbols: int) -> ForwardDays:
    """Return the days of some rows, in their order."""

    def column(name: str) -> Floats:
        return np.array([row[name] for row in rows], dtype=np.float64)

    accounts = b"".join(row["accounts"] for row in rows)
    sides = b"".join(row["sides"] for row in rows)
    return ForwardDays(
        np.array([row["session"] for row in rows], dtype="datetime64[D]"),
        column("universe_return"),
        column("market_return"),
        column("exposure"),
        np.frombuffer(accounts, ACCOUNTS).reshape(len(rows), symbols),
        np.frombuffer(sides, SIDES).reshape(len(rows), symbols),
    )


def require_one_per_record(additions: Iterable[ForwardAddition]) -> dict[UUID, ForwardAddition]:
    """Return additions by the record that they are to, in the order of the identifiers.

    Raises
    ------
    InvalidResultError
        When two are to the same.
    """
    found: dict[UUID, ForwardAddition] = {}
    for one in additions:
        if one.frozen.identifier in found:
            raise InvalidResultError(f"{one.frozen.strategy} is recorded twice in one night.")
        found[one.frozen.identifier] = one
    return dict(sorted(found.items()))


def _require_finite(added: ForwardAddition, name: str, values: Floats, day: int) -> float:
    value = float(values[day])
    if not np.isfinite(value):
        raise InvalidResultError(
            f"The {name} of {added.frozen.strategy} on {added.days.sessions[day]} is {value}; "
            "needed: finite numbers."
        )
    return value


def read_state(
    row: Mapping[str, Any], known: KnownBars, days: Sequence[Mapping[str, Any]]
) -> ForwardState:
    """Return how far a record has come."""
    return ForwardState(
        read_freeze(row),
        known,
        np.array([day["session"] for day in days], dtype="datetime64[D]"),
        np.array([day["universe_return"] for day in days], dtype=np.float64),
        np.array([day["market_return"] for day in days], dtype=np.float64),
    )
