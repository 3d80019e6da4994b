"""The forward record is only added to, all or nothing, and reads back to the bit."""

import signal
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from itertools import product
from pathlib import Path
from threading import Event
from time import sleep
from typing import Any

import numpy as np
import pytest
from sqlalchemy.exc import IntegrityError

from research.errors import InvalidResultError
from research.forward.standing import assess
from resources.result_store.errors import InvalidArgumentError
from resources.result_store.forward.schemas import (
    ACCOUNTS_SCHEMA,
    FORWARD_SCHEMA,
    POSITIONS_SCHEMA,
    RECORDS_SCHEMA,
)
from resources.result_store.manager import BacktestPersistenceManager
from resources.result_store.models import (
    ForwardBarsRow,
    ForwardDayRow,
    ForwardRecordRow,
    NextPositionRow,
)
from tests.resources.result_store.forward.nights import (
    EXPECTED,
    FROZEN_ON,
    begins,
    days,
    frozen,
    known,
    night,
    position,
)
from tests.resources.result_store.rows import count

ROOT = Path(__file__).resolve().parents[4]
TABLES = (ForwardBarsRow, ForwardRecordRow, ForwardDayRow, NextPositionRow)
AFTER = FROZEN_ON + timedelta(days=1)


def _append(manager: BacktestPersistenceManager, *given: Any, run: str = "run-1") -> int:
    return manager.append_forward(run, "files", given)


def _counts(manager: BacktestPersistenceManager) -> list[int | None]:
    return [count(manager, table) for table in TABLES]


def test_a_record_reads_back_as_it_was_added(manager: BacktestPersistenceManager):
    assert manager.load_forward_states([frozen().identifier]) == {}
    assert _append(manager, begins(), begins("macd")) == 0
    assert _append(manager, night(count=3, revised=["A"], late=["B"], absent=["C"])) == 3
    states = manager.load_forward_states([frozen().identifier, frozen("macd").identifier])
    rsi, macd = states[frozen().identifier], states[frozen("macd").identifier]
    added = days(FROZEN_ON, 3)
    assert rsi.freeze == macd.freeze == begins().freeze
    assert rsi.sessions.tobytes() == added.sessions.tobytes()
    assert rsi.returns.tobytes() == added.returns.tobytes()
    assert rsi.market.tobytes() == added.market.tobytes()
    assert len(macd.sessions) == 0
    for state, session in ((rsi, FROZEN_ON + timedelta(days=3)), (macd, FROZEN_ON)):
        assert state.known.identifier == known(session).identifier
        assert vars(state.known).keys() == vars(known(session)).keys()
    accounts = manager.get_forward_accounts("rsi")
    assert accounts.schema == ACCOUNTS_SCHEMA
    assert accounts["symbol"].to_list() == ["A"] * 3 + ["B"] * 3
    expected = added.accounts[:, :2].T.ravel()
    assert accounts["account_return"].to_numpy().tobytes() == expected.tobytes()
    assert accounts["side"].to_list() == [1] * 3 + [-1] * 3


def test_frames_say_where_a_record_stands(manager: BacktestPersistenceManager):
    _append(manager, begins(), begins("macd"))
    _append(manager, night(count=4, revised=["A"]))
    found = manager.get_forward()
    assert found.schema == FORWARD_SCHEMA
    assert set(found["strategy"]) == {"rsi"}
    added = days(FROZEN_ON, 4)
    standing = assess(EXPECTED, added.returns, added.market, 252.0)
    for name, expected in (
        ("universe_return", added.returns),
        ("total_return", standing.total),
        ("cone_low", standing.cone_low),
        ("cone_high", standing.cone_high),
        ("residual_return", standing.residual_total),
        ("decay", standing.decay),
    ):
        assert found[name].to_list() == expected.tolist(), name
    assert found["inside_cone"].to_list() == standing.inside.tolist()
    assert found["revised"].to_list() == [["A"], [], [], []]
    records = manager.get_forward_records()
    assert records.schema == RECORDS_SCHEMA
    macd, rsi = records.rows(named=True)
    assert (rsi["days"], rsi["last_session"], rsi["live_days"]) == (4, date(2024, 1, 9), 0)
    assert (rsi["total_return"], rsi["alarms"], rsi["revised_symbols"]) == (
        standing.total[-1],
        int(standing.alarms.sum()),
        1,
    )
    assert rsi["expected_return"] == pytest.approx(0.004)
    assert rsi["exposure"] == 0.5
    assert (macd["days"], macd["total_return"], macd["inside_cone"]) == (0, None, None)
    assert manager.get_forward("macd").is_empty()
    assert manager.get_forward(record=rsi["record_id"]).equals(found)


def test_days_after_the_freeze_by_the_clock_are_live(manager: BacktestPersistenceManager):
    today = datetime.now(UTC).date()
    freeze = replace(begins().freeze, session=today)  # pyright: ignore[reportArgumentType]
    _append(manager, begins(since=today, freeze=freeze, days=days(today, 0)))
    _append(manager, night(today, count=2))
    (row,) = manager.get_forward_records().rows(named=True)
    assert row["live_days"] == 2


def test_without_an_expectation_there_is_no_cone(manager: BacktestPersistenceManager):
    freeze = replace(begins().freeze, expectation=None)  # pyright: ignore[reportArgumentType]
    _append(manager, begins(freeze=freeze))
    _append(manager, night(count=2))
    (row,) = manager.get_forward_records().rows(named=True)
    assert [row[name] for name in ("cone_low", "inside_cone", "decay", "beta")] == [None] * 4
    assert row["total_return"] == days(FROZEN_ON, 2).returns.sum()
    found = manager.get_forward()
    assert found["cone_high"].null_count() == found["inside_cone"].null_count() == 2
    assert found["alarm"].to_list() == [False, False]


def test_repeats_add_nothing_and_change_nothing(manager: BacktestPersistenceManager):
    assert _append(manager, begins(), run="run-1") == 0
    assert _append(manager, night(count=2), run="run-2") == 2
    before = manager.get_forward()
    # The same night again, another one that saw less, and the freeze of an older window.
    other = replace(night(count=1), days=replace(days(FROZEN_ON, 1), returns=np.ones(1)))
    for again in (night(count=2), other, begins(), begins(days=days(FROZEN_ON, 1))):
        assert _append(manager, again, run="run-3") == 0
    assert manager.get_forward().equals(before)
    assert _counts(manager) == [2, 1, 2, 0]


def test_positions_of_tomorrow_read_back(manager: BacktestPersistenceManager):
    assert manager.get_next_positions().schema == POSITIONS_SCHEMA
    first = [position(), position(symbol="B", held=0, entry_date=None, entry_price=None)]
    for run, given in (("run-1", first), ("run-2", [position(stale=True)]), ("run-2", first)):
        manager.append_forward(run, "files", [], given)
    (newest,) = manager.get_next_positions().rows(named=True)
    assert {name: newest[name] for name in vars(position())} == vars(position(stale=True))
    assert (newest["run_id"], newest["source"]) == ("run-2", "files")
    old = manager.get_next_positions(run_id="run-1")
    assert old["symbol"].to_list() == ["A", "B"]
    assert old["entry_date"].to_list() == [date(2024, 1, 2), None]
    assert manager.get_next_positions(symbol="B", run_id="run-1").height == 1
    assert manager.get_next_positions("macd", run_id="run-1").is_empty()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"returns": np.array([np.nan])}, "return of rsi on 2024-01-06 is nan; needed: finite"),
        ({"market": np.array([np.inf])}, "market of rsi on 2024-01-06 is inf"),
        ({"accounts": np.zeros((1, 2))}, r"shape \(1, 2\); needed: \(1, 3\)"),
        ({"exposure": np.array([1.5])}, "refuses the rows: .*ck_forward_days_exposure"),
    ],
)
def test_what_is_no_return_is_refused_as_a_whole(
    manager: BacktestPersistenceManager, changes: dict[str, Any], message: str
):
    _append(manager, begins())
    bad = night(days=replace(days(FROZEN_ON, 1), **changes))
    with pytest.raises(InvalidResultError, match=message):
        _append(manager, begins("macd"), bad)
    assert _counts(manager) == [1, 1, 0, 0]
    with pytest.raises(InvalidResultError, match="rsi is recorded twice in one night"):
        _append(manager, night(), night())
    with pytest.raises(InvalidArgumentError, match="record is 'none'; allowed: the identifier"):
        manager.get_forward(record="none")


class Waiting(list[Any]):
    """Positions that are handed over once another run waits for this one."""

    def __init__(self, manager: BacktestPersistenceManager) -> None:
        super().__init__([position()])
        self.written, self._manager = Event(), manager

    def __iter__(self) -> Iterator[Any]:
        yield from super().__iter__()
        self.written.set()  # days and all, but not committed
        waits = "SELECT count(*) FROM pg_locks WHERE NOT granted"
        with self._manager.engine.connect() as connection:
            while not connection.exec_driver_sql(waits).scalar():
                sleep(0.01)


def test_of_runs_at_once_the_first_records_the_day(manager: BacktestPersistenceManager):
    _append(manager, begins())
    positions = Waiting(manager)
    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(manager.append_forward, "first", "files", [night()], positions)
        assert positions.written.wait(60)
        assert _append(manager, night(), run="second") == 0
        assert first.result() == 1
    assert manager.get_forward()["run_id"].to_list() == ["first"]


_WRITER = """
import os, signal, sys
from resources.result_store.connection import create_engine_for, parse_url
from resources.result_store.manager import BacktestPersistenceManager
from tests.resources.result_store.forward.nights import begins, night, position

class Killed(list):
    def __iter__(self):  # asked for once the days are written
        yield position()
        os.kill(os.getpid(), signal.SIGKILL)

manager = BacktestPersistenceManager(create_engine_for(parse_url(sys.argv[1])))
given = [night(count=3), begins("macd")]
manager.append_forward("killed", "files", given, Killed([position()]))
"""


def test_a_killed_process_leaves_all_or_nothing(database: str, manager: BacktestPersistenceManager):
    _append(manager, begins())
    command = [sys.executable, "-c", textwrap.dedent(_WRITER), database]
    killed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    assert _counts(manager) == [1, 1, 0, 0]
    assert manager.append_forward("again", "files", [night(count=3)], [position()]) == 3
    assert _counts(manager) == [2, 1, 3, 1]


@pytest.fixture(scope="module")
def shared(shared_manager: BacktestPersistenceManager) -> BacktestPersistenceManager:
    """Return a manager with one row in each table, which no test can change."""
    shared_manager.append_forward("run-1", "files", [begins()], [position()])
    shared_manager.append_forward("run-2", "files", [night()])
    return shared_manager


RECORDS = [one.__tablename__ for one in TABLES[:3]]


@pytest.mark.parametrize(
    ("table", "change"),
    [
        *product(RECORDS, ["DELETE FROM {}", "DELETE FROM {} WHERE false"]),
        *product([*RECORDS, "next_positions"], ["UPDATE {} SET {} = {}", "TRUNCATE {} CASCADE"]),
    ],
)
def test_nothing_changes_or_deletes_what_was_recorded(
    shared: BacktestPersistenceManager, table: str, change: str
):
    column = "source" if table == "next_positions" else "session"
    column = "id" if table.endswith(("bars", "records")) else column
    expected = r"is append-only: (UPDATE|DELETE|TRUNCATE) is refused, for what was recorded before"
    with pytest.raises(IntegrityError, match=expected), shared.engine.begin() as connection:
        connection.exec_driver_sql(change.format(table, column, column))
    assert _counts(shared) == [2, 1, 1, 1]


def test_old_positions_go_and_the_newest_stay(manager: BacktestPersistenceManager):
    _append(manager, begins())
    _append(manager, night(count=2))
    for run in ("run-1", "run-2", "run-3"):
        manager.append_forward(run, "files", [], [position(), position(symbol="B")])
    assert list(manager.get_position_runs().values()) == [["run-3", "run-2", "run-1"]]
    assert manager.remove_next_positions(["run-1", "run-2", "unknown"]) == 4
    assert list(manager.get_position_runs().values()) == [["run-3"]]
    for runs in (["run-3"], ["run-1", "run-3"]):
        with pytest.raises(InvalidResultError, match="newest positions of tomorrow, of run run-3"):
            manager.remove_next_positions(runs)
    assert manager.get_next_positions()["symbol"].to_list() == ["A", "B"]
    assert manager.get_forward().height == 2
