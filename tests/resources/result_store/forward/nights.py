"""Nights of a forward record for tests, with given changes."""

from dataclasses import replace
from datetime import date
from typing import Any

import numpy as np

from research.forward.expectation import Expectation
from research.forward.known_bars import KnownBars
from research.forward.next_positions import NextPosition
from research.forward.record import ForwardAddition, ForwardDays, Freeze, FrozenStrategy

FROZEN_ON = date(2024, 1, 5)
SYMBOLS = ("A", "B", "C")
EXPECTED = Expectation(504, 0.001, 0.01, 0.5, 0.0005, 0.008)


def frozen(strategy: str = "rsi", **changes: Any) -> FrozenStrategy:
    """Return what a record is of."""
    given: dict[str, Any] = {
        "parameters": {"period": 14},
        "code_version": "code-1",
        "source": "files",
        "symbols": SYMBOLS,
        "start_date": date(2022, 1, 3),
        "settings": {"fees": 0.001, "bars_per_year": None},
    }
    return FrozenStrategy(strategy, **(given | changes))


def known(session: date) -> KnownBars:
    """Return the bars of a night: of the last symbol there is none."""
    through = np.array([session, session, None], dtype="datetime64[D]")
    return KnownBars(session, SYMBOLS, through, (f"{session}-a", "b", ""))


def begins(strategy: str = "rsi", **changes: Any) -> ForwardAddition:
    """Return the night on which a record begins."""
    freeze = Freeze(FROZEN_ON, EXPECTED, 0.5, 0.001, 252.0)
    return replace(
        ForwardAddition(frozen(strategy), FROZEN_ON, freeze, days(FROZEN_ON, 0), known(FROZEN_ON)),
        **changes,
    )


def days(since: date, count: int) -> ForwardDays:
    """Return days after another one; their numbers follow from their dates."""
    sessions = np.datetime64(since) + 1 + np.arange(count)
    number = sessions.astype(np.int64) % 100 / 3.0e4
    accounts = np.stack([number, -number, np.full(count, np.nan)], axis=1)
    sides = np.tile(np.array([1, -1, 0], dtype=np.int8), (count, 1))
    return ForwardDays(sessions, number, number / 2.0, np.full(count, 2 / 3), accounts, sides)


def night(
    since: date = FROZEN_ON, count: int = 1, strategy: str = "rsi", **changes: Any
) -> ForwardAddition:
    """Return a night that adds some days to a record."""
    added = days(since, count)
    last = added.sessions[-1].astype(date)
    return replace(
        ForwardAddition(frozen(strategy), since, None, added, known(last)),
        **changes,
    )


def position(**changes: Any) -> NextPosition:
    """Return a position of tomorrow."""
    given: dict[str, Any] = {
        "strategy": "rsi",
        "symbol": "A",
        "bar": FROZEN_ON,
        "stale": False,
        "held": 1,
        "shares": 12.5,
        "entry_date": date(2024, 1, 2),
        "entry_price": 101.25,
        "next_side": 0,
        "action": "sell",
        "fills_at": "open",
        "waits": False,
        "stop_price": None,
        "target_price": 110.0,
    }
    return NextPosition(**(given | changes))
