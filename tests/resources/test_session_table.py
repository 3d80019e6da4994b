"""A kept table of sessions is that of the library, or is built again."""

import subprocess
import sys
from collections.abc import Callable
from datetime import date
from pathlib import Path

import numpy as np
import pytest

from resources.session_table import SessionTable, SessionTables
from resources.trading_calendar import get_calendar

ROOT = Path(__file__).resolve().parents[2]
LIBRARY = get_calendar("XLON")
BUILT = SessionTable(
    LIBRARY.first_day, LIBRARY.last_day, LIBRARY.sessions(date(1980, 1, 1), date(2099, 12, 31))
)
PROGRAM = """
import sys
from pathlib import Path
from resources.session_table import TABLES
from resources.trading_calendar import get_calendar
TABLES.folder = Path(sys.argv[1])
calendar = get_calendar("XNYS")
print(calendar.opens_on_weekends, calendar.bars_per_year, "exchange_calendars" in sys.modules)
"""


def _never() -> SessionTable:
    raise AssertionError("the kept table is used")


def _get(folder: Path, build: Callable[[], SessionTable], rules: str = "r") -> SessionTable:
    tables = SessionTables()
    tables.folder = folder
    return tables.get("XLON", rules, build)


def test_a_kept_table_equals_the_built_one(tmp_path: Path):
    folder = tmp_path / "calendars"
    assert _get(folder, lambda: BUILT) is BUILT
    kept = _get(folder, _never)
    assert (kept.first, kept.last) == (LIBRARY.first_day, LIBRARY.last_day)
    assert kept.days.dtype == BUILT.days.dtype
    np.testing.assert_array_equal(kept.days, BUILT.days)
    with pytest.raises(AssertionError):
        _get(folder, _never, rules="others")


def test_a_table_with_any_bit_changed_is_built_again(tmp_path: Path):
    _get(tmp_path, lambda: BUILT)
    (path,) = tmp_path.iterdir()
    whole = path.read_bytes()
    random = np.random.default_rng(0)
    for place in random.integers(0, len(whole), 200).tolist():
        flipped = bytearray(whole)
        flipped[place] ^= 1 << int(random.integers(8))
        path.write_bytes(flipped)
        found = _get(tmp_path, lambda: BUILT)
        assert (found.first, found.last) == (BUILT.first, BUILT.last)
        np.testing.assert_array_equal(found.days, BUILT.days)
    path.write_bytes(whole[:100])
    assert _get(tmp_path, lambda: BUILT) is BUILT
    assert path.read_bytes() == whole


def test_where_nothing_can_be_kept_tables_are_built(tmp_path: Path):
    taken = tmp_path / "a file"
    taken.touch()
    assert _get(taken, lambda: BUILT) is BUILT
    assert SessionTables().get("XLON", "r", lambda: BUILT) is BUILT


def test_a_second_process_does_not_load_the_library(tmp_path: Path):
    shown = [
        subprocess.run(
            [sys.executable, "-c", PROGRAM, str(tmp_path)],
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=True,
        ).stdout.split()
        for _ in range(2)
    ]
    assert shown == [["False", "252.0", "True"], ["False", "252.0", "False"]]
