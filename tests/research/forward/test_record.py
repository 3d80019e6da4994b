"""What a forward record is of: whatever is frozen and changes begins another one."""

from dataclasses import fields, replace
from datetime import date

import numpy as np

from research.forward.known_bars import KnownBars
from research.forward.record import FrozenStrategy

FROZEN = FrozenStrategy(
    strategy="rsi",
    parameters={"period": 14},
    code_version="code-1",
    source="files",
    symbols=("A", "B"),
    start_date=date(2022, 1, 3),
    settings={"fees": 0.001, "direction": "long"},
)
OTHERS = {
    "strategy": "macd",
    "parameters": {"period": 15},
    "code_version": "code-2",
    "source": "yahoo",
    "symbols": ("B", "A"),
    "start_date": date(2022, 1, 4),
    "settings": {"fees": 0.001, "direction": "both"},
}


def test_whatever_changes_begins_another_record():
    assert OTHERS.keys() == {one.name for one in fields(FROZEN)}
    found = {replace(FROZEN, **{name: value}).identifier for name, value in OTHERS.items()}
    assert len(found | {FROZEN.identifier}) == len(OTHERS) + 1
    # Stored and read back, numbers and the order of names may be written otherwise.
    same = {"direction": "long", "fees": 0.001}
    assert replace(FROZEN, parameters={"period": 14.0}, settings=same).identifier == (
        FROZEN.identifier
    )


def test_other_bars_have_another_identifier():
    days = np.array(["2024-01-05", "NaT"], dtype="datetime64[D]")
    known = KnownBars(date(2024, 1, 5), ("A", "B"), days, ("a", ""))
    others = [
        replace(known, session=date(2024, 1, 8)),
        replace(known, symbols=("A", "C")),
        replace(known, through=days - 1),
        replace(known, versions=("b", "")),
    ]
    assert len({one.identifier for one in (known, *others)}) == 5
    assert replace(known, through=days.copy()).identifier == known.identifier
