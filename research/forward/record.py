"""A forward record: a strategy frozen with its parameters, its code and its bars."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from typing import Any
from uuid import UUID, uuid5

import numpy as np
from numpy.typing import NDArray

from research.forward.expectation import Expectation
from research.forward.known_bars import KnownBars
from research.natural_key import canonical_json
from strategies.base import Floats

_NAMESPACE = UUID("6d1f0c1e-3a5b-5c1b-9d6c-2f0e7a9b4c31")


@dataclass(frozen=True)
class FrozenStrategy:
    """What a forward record is of: everything that decides its returns but the bars to come.

    Parameters
    ----------
    start_date
        First day of the window: what is held follows from all signals since.
    symbols
        Of the universe, in its order.
    settings
        As they are stored with each result.
    """

    strategy: str
    parameters: Mapping[str, Any]
    code_version: str
    source: str
    symbols: tuple[str, ...]
    start_date: date
    settings: Mapping[str, Any]

    @cached_property
    def identifier(self) -> UUID:
        """The UUID of the record: whatever else is frozen gets a record of its own."""
        what = [self.strategy, dict(self.parameters), self.code_version, self.source]
        where = [list(self.symbols), self.start_date.isoformat(), dict(self.settings)]
        return uuid5(_NAMESPACE, canonical_json([*what, *where]))


@dataclass(frozen=True)
class Freeze:
    """The state of a strategy when its record began.

    Parameters
    ----------
    session
        The last day before the record: its close is where earnings begin.
    expectation
        Of the backtest up to then; None where it was too short or never traded.
    exposure
        Share of the accounts that held a position.
    joining_cost
        What it costs to take all of these over at that close, as a share of the capital. The
        record does not pay it: its positions were entered, and paid for, before.
    bars_per_year
        Of the curve.
    """

    session: date
    expectation: Expectation | None
    exposure: float
    joining_cost: float
    bars_per_year: float


@dataclass(frozen=True, eq=False)
class ForwardState:
    """How far a record has come.

    Parameters
    ----------
    known
        The bars that it rests on.
    sessions
        ``datetime64[D]``, the days that are recorded, shape (D,).
    returns, market
        Of these days, shape (D,).
    """

    freeze: Freeze
    known: KnownBars
    sessions: NDArray[np.datetime64]
    returns: Floats
    market: Floats


@dataclass(frozen=True, eq=False)
class ForwardDays:
    """What a night adds to a record: D days, S symbols.

    Parameters
    ----------
    sessions
        ``datetime64[D]``, shape (D,).
    returns, market
        Of the strategy's universe curve and of the equal-weight universe, shape (D,).
    exposure
        Share of the accounts with a bar that hold a position at its close, shape (D,).
    accounts
        Return of the account on each symbol, shape (D, S); NaN without a bar.
    sides
        What it holds at the close: 1, -1 or 0 for none, shape (D, S).
    """

    sessions: NDArray[np.datetime64]
    returns: Floats
    market: Floats
    exposure: Floats
    accounts: Floats
    sides: NDArray[np.int8]


@dataclass(frozen=True, eq=False)
class ForwardAddition:
    """What a night adds to the record of a strategy.

    Parameters
    ----------
    since
        The last day that was recorded; what another run has recorded meanwhile is not added again.
    freeze
        Where the record begins now, else None.
    known
        The bars that all of it rests on.
    revised, late, absent
        Symbols, as in `research.forward.night.Night`.
    """

    frozen: FrozenStrategy
    since: date
    freeze: Freeze | None
    days: ForwardDays
    known: KnownBars
    revised: Sequence[str] = ()
    late: Sequence[str] = ()
    absent: Sequence[str] = ()
