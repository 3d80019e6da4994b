"""A kept table of sessions is that of the library, or is built again."""

import subprocess
import sys
from collections.abc import Callable
from dataclasses import astuple
from datetime import date
from pathlib import Path

import numpy as np
import pytest

from resources.session_table import SessionTable, SessionTables

ROOT = Path(__file__).resolve().parents[2]
BUILT = SessionTable(
    date(2026, 12, 23),
    date(2026, 12, 28),
    np.array(["2026-12-23", "2026-12-24"], "datetime64[D]"),
    np.array(["2026-12-23T16:30", "2026-12-24T12:30"], "datetime64[s]"),
    "Europe/London",
)
PROGRAM = """
import sys
from datetime import date
from pathlib import Path
from resources.session_table import TABLES
from resources.trading_calendar import get_calendar
TABLES.folders = (Path(sys.argv[1]),)
calendar = get_calendar("XNYS")
print(calendar.opens_on_weekends, calendar.bars_per_year, calendar.timezone)
print(calendar.close_of(date(2026, 11, 27)), *map(str, calendar.closing_times()))
print("exchange_calendars" in sys.modules)
"""


def _never() -> SessionTable:
    raise AssertionError("the kept table is used")


def _get(folder: Path, build: Callable[[], SessionTable], rules: str = "r") -> SessionTable:
    return SessionTables(folder).get("XLON", rules, build)


def _assert_as_built(table: SessionTable) -> None:
    for found, built in zip(astuple(table), astuple(BUILT), strict=True):
        np.testing.assert_array_equal(found, built)
        assert getattr(found, "dtype", None) == getattr(built, "dtype", None)


def test_a_kept_table_equals_the_built_one(tmp_path: Path):
    folder = tmp_path / "calendars"
    assert _get(folder, lambda: BUILT) is BUILT
    _assert_as_built(_get(folder, _never))
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
        _assert_as_built(_get(tmp_path, lambda: BUILT))
    path.write_bytes(whole[:100])
    assert _get(tmp_path, lambda: BUILT) is BUILT
    assert path.read_bytes() == whole


def test_where_nothing_can_be_kept_tables_are_built(tmp_path: Path):
    taken = tmp_path / "a file"
    taken.touch()
    assert _get(taken, lambda: BUILT) is BUILT
    assert SessionTables().get("XLON", "r", lambda: BUILT) is BUILT


def test_a_table_is_kept_where_it_can_be(tmp_path: Path):
    taken, folder = tmp_path / "a file", tmp_path / "calendars"
    taken.touch()
    assert SessionTables(taken, folder).get("XLON", "r", lambda: BUILT) is BUILT
    _assert_as_built(SessionTables(taken, folder).get("XLON", "r", _never))


def test_new_data_find_the_table_of_the_installation(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(sys, "prefix", str(tmp_path / "venv"))
    tables = SessionTables()
    tables.keep_for(tmp_path / "data")
    assert tables.get("XLON", "r", lambda: BUILT) is BUILT
    tables.keep_for(tmp_path / "new data")
    _assert_as_built(tables.get("XLON", "r", _never))
    assert not (tmp_path / "data").exists()
    monkeypatch.setattr(sys, "prefix", sys.base_prefix)  # no virtual environment
    tables.keep_for(tmp_path / "data")
    assert tables.get("XLON", "r", lambda: BUILT) is BUILT
    assert len(list((tmp_path / "data" / "calendars").iterdir())) == 1


def test_a_second_process_does_not_load_the_library(tmp_path: Path):
    shown = [
        subprocess.run(
            [sys.executable, "-c", PROGRAM, str(tmp_path)],
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=True,
        ).stdout.splitlines()
        for _ in range(2)
    ]
    said = ["False 252.0 America/New_York", "2026-11-27 13:00:00-05:00 13:00:00 16:00:00"]
    assert shown == [[*said, "True"], [*said, "False"]]
