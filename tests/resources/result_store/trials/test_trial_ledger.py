"""Trials are recorded once each, all or nothing, and nothing changes or deletes them."""

import signal
import subprocess
import sys
import textwrap
from concurrent.futures import ThreadPoolExecutor
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import numpy as np
import pytest
import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from research.errors import InvalidResultError
from research.purpose import Purpose
from resources.result_store.connection import create_engine_for
from resources.result_store.errors import InvalidArgumentError
from resources.result_store.manager import BacktestPersistenceManager
from resources.result_store.models import TrialRecord, TrialScopeRow
from tests.resources.result_store.rows import count, identifier, result, save, trade
from tests.resources.result_store.trials.ledger import END, START, curve, scope, trial

ROOT = Path(__file__).resolve().parents[4]
GRID = [trial(number) for number in range(312)]


def _record(manager: BacktestPersistenceManager, *trials: Any, **given: Any) -> int:
    purpose = {"purpose": Purpose.SWEEP, "run_id": "run-1", **given}
    of = purpose.pop("scope", scope())
    return manager.record_trials(of, trials, **purpose)


@pytest.fixture(scope="module")
def shared_ledger(shared_manager: BacktestPersistenceManager) -> BacktestPersistenceManager:
    """Return a manager whose ledger has three trials, which no test can change."""
    _record(shared_manager, *GRID[:3])
    return shared_manager


def test_every_point_is_recorded_and_repeats_add_none(manager: BacktestPersistenceManager):
    assert _record(manager, *GRID[:200], GRID[0]) == 200
    assert _record(manager, *GRID, user="ann") == 112
    assert _record(manager, *GRID, run_id="run-2", purpose=Purpose.REQUEST) == 0
    identifiers = [one.identify(scope()) for one in GRID]
    assert manager.find_trials([*identifiers, UUID(int=1)]) == set(identifiers)
    stored = manager.get_trials()
    assert sorted(stored["id"]) == sorted(map(str, identifiers))
    assert set(stored["run_id"]) == {"run-1"}
    assert stored["run_user"].null_count() == 200
    assert count(manager, TrialScopeRow) == 1


def test_curves_read_back_to_the_bit(manager: BacktestPersistenceManager):
    odd = np.array([0.0, -0.0, 1e-40, -1e-45, 3e38, 1.1, -0.1, 1 / 3, 5e-8, 1.0], np.float32)
    _record(manager, trial(0, residual=odd), trial(1), trial(2, protocol="anchored-252-63"))
    panel = manager.load_trial_panel(scope().identifier)
    assert panel.scope.identifier == scope().identifier
    assert panel.scope.dates.tobytes() == scope().dates.tobytes()
    assert panel.scope.market.tobytes() == scope().market.tobytes()
    assert panel.residuals.dtype == np.float32
    assert panel.residuals.tobytes() == odd.tobytes() + curve(1).tobytes()
    assert panel.identifiers == [trial(number).identify(scope()) for number in (0, 1)]
    assert panel.parameters == [trial(number).parameters for number in (0, 1)]
    assert (panel.betas.tolist(), panel.activity.tolist()) == ([0.25] * 2, [0.5] * 2)
    assert panel.tested_symbols.tolist() == [2, 2]
    assert (panel.strategies, panel.code_versions) == (["sma_cross"] * 2, ["code-1"] * 2)
    walked = manager.load_trial_panel(scope().identifier, protocol="anchored-252-63")
    assert walked.residuals.tobytes() == curve(2).tobytes()
    assert len(manager.load_trial_panel(scope().identifier, protocol=None).identifiers) == 3
    assert manager.load_trial_panel(scope().identifier, protocol="cpcv").residuals.shape == (0, 10)
    with pytest.raises(InvalidArgumentError, match="has no scope 00000000-0000-0000-0000-0000000"):
        manager.load_trial_panel(UUID(int=1))


def test_a_panel_may_be_as_it_was_at_a_time(manager: BacktestPersistenceManager):
    _record(manager, trial(0), trial(1))
    until = manager.get_trials()["recorded_at"].max()
    assert isinstance(until, datetime)
    _record(manager, trial(2))
    known, early = scope().identifier, until - timedelta(microseconds=1)
    panels = [manager.load_trial_panel(known, until=one) for one in (None, until, early)]
    assert [len(one.identifiers) for one in panels] == [3, 2, 0]


def test_a_trial_shows_its_yearly_mean_and_sharpe_ratio(manager: BacktestPersistenceManager):
    values = curve(0).astype(float)
    _record(manager, trial(0), trial(1, residual=np.full(10, 0.5, np.float32)))
    _record(manager, trial(0), scope=scope(settings={"bars_per_year": 365.0}))
    rows = {
        (one["residual_return"], one["residual_sharpe_ratio"])
        for one in manager.get_trials().to_dicts()
    }
    tested = trial(2, protocol="anchored", residual=np.append(np.zeros(4), values[4:]))
    _record(manager, tested)
    (walked,) = manager.get_trials(protocol="anchored").to_dicts()
    assert walked["residual_return"] == pytest.approx(values[4:].mean() * 252)
    ratio = values[4:].mean() / values[4:].std(ddof=1) * 252**0.5
    assert walked["residual_sharpe_ratio"] == pytest.approx(ratio)
    yearly = [values.mean() * 252, values.mean() / values.std(ddof=1) * 252**0.5]
    daily = [values.mean() * 365.0, values.mean() / values.std(ddof=1) * 365.0**0.5]
    assert sorted(rows) == sorted([tuple(yearly), tuple(daily), (126.0, None)])


def test_trials_are_found_by_what_they_are(manager: BacktestPersistenceManager):
    few = scope(symbols=("AAPL",), start_date=date(2021, 1, 1))
    _record(manager, trial(0), trial(1, strategy="rsi"), user="ann")
    _record(manager, trial(2), scope=few, purpose=Purpose.NOTEBOOK, run_id="", user="bob")
    _record(manager, trial(3, protocol="rolling"), scope=scope(source="files"))

    def find(*args: Any, **given: Any) -> list[int]:
        found = manager.get_trials(*args, **given)
        expected = [trial(0), trial(1, strategy="rsi"), trial(2), trial(3, protocol="rolling")]
        scopes = [scope(), scope(), few, scope(source="files")]
        ids = [str(one.identify(of)) for one, of in zip(expected, scopes, strict=True)]
        return sorted(ids.index(one) for one in found["id"])

    assert find() == [0, 1, 2, 3]
    assert find("rsi") == [1]
    assert find(user="ann") == [0, 1]
    assert find(user="bob", purpose="notebook") == [2]
    assert find(purpose=Purpose.SWEEP) == [0, 1, 3]
    assert find(symbols="AAPL") == [0, 1, 2, 3]
    assert find(symbols=["MSFT", "AAPL"]) == [0, 1, 3]
    assert find(start_date=START, end_date=END) == [0, 1, 3]
    assert find(start_date=date(2021, 1, 1)) == [2]
    assert find(source="files", protocol="rolling") == [3]
    assert find("macd") == []
    (row,) = manager.get_trials(user="bob").to_dicts()
    assert (row["universe_symbols"], row["tested_symbols"], row["run_id"]) == (1, 2, "")
    assert row["parameters"] == '{"fast_period": 10, "slow_period": 22}'
    with manager.engine.connect() as connection:
        shown = connection.execute(sa.text("SELECT * FROM trials WHERE 'MSFT' = ANY (symbols)"))
        assert len(shown.all()) == 3


@pytest.mark.parametrize(
    ("filters", "message"),
    [
        ({"strategy": ""}, "strategy is ''; allowed: a text"),
        ({"user": 7}, "user is 7; allowed: a text"),
        ({"symbols": 7}, "symbols is 7; allowed: a list of texts"),
        ({"purpose": "home"}, "purpose is 'home'; allowed: pipeline, "),
        ({"start_date": "2021"}, "start is '2021'; allowed: a date"),
        ({"start_date": END, "end_date": START}, "start 2021-01-15 is after end 2021-01-04"),
    ],
)
def test_filters_that_make_no_sense_are_refused(
    shared_manager: BacktestPersistenceManager, filters: dict[str, Any], message: str
):
    with pytest.raises(InvalidArgumentError, match=message):
        shared_manager.get_trials(**filters)


@pytest.mark.parametrize(
    ("scope_changes", "trial_changes", "message"),
    [
        ({}, {"residual": curve(0, 9)}, r"residual of a trial of sma_cross has shape \(9,\); need"),
        ({}, {"residual": np.r_[curve(0, 9), np.nan]}, "sma_cross is nan on day 9; needed: finite"),
        (
            {},
            {"residual": np.array([0.0] * 9 + [1e39])},
            r"is 1e\+39 on day 9; needed: finite numbers",
        ),
        ({}, {"activity": float("nan")}, "activity of a trial of sma_cross is no finite number"),
        ({}, {"beta": float("inf")}, "beta of a trial of sma_cross is no finite number"),
        ({}, {"activity": 1.5}, "refuses the rows: .*ck_trial_records_activity"),
        ({}, {"parameters": {"fast_period": float("nan")}}, "can't be stored as JSON"),
        ({"market": np.full(10, np.inf)}, {}, "market is inf on day 0"),
        ({"market": np.zeros(9)}, {}, r"market has shape \(9,\); needed: \(10,\)"),
        ({"dates": scope().dates[::-1]}, {}, "dates do not ascend"),
        ({"dates": scope().dates[:0], "market": np.zeros(0)}, {}, "T from 1"),
        ({"symbols": ("A\0",)}, {}, r"symbols is 'A\\x00'"),
        ({"start_date": END, "end_date": START}, {}, "start 2021-01-15 is after"),
    ],
)
def test_what_is_no_curve_is_refused_as_a_whole(
    shared_ledger: BacktestPersistenceManager,
    scope_changes: dict[str, Any],
    trial_changes: dict[str, Any],
    message: str,
):
    trials = [trial(number) for number in (7, 8)] + [trial(9, **trial_changes)]
    with pytest.raises((InvalidResultError, InvalidArgumentError), match=message):
        _record(shared_ledger, *trials, scope=scope(**scope_changes))
    assert count(shared_ledger, TrialRecord) == 3
    assert count(shared_ledger, TrialScopeRow) == 1


def test_curves_on_other_days_than_their_scope_are_refused(
    shared_ledger: BacktestPersistenceManager,
):
    fewer = scope(dates=scope().dates[1:], market=scope().market[1:])
    short = trial(7, residual=curve(7, 9), exposure=np.zeros(9, dtype=np.float16))
    with pytest.raises(InvalidResultError, match="with another market or on other days"):
        _record(shared_ledger, short, scope=fewer)
    assert count(shared_ledger, TrialRecord) == 3


def test_ten_sessions_at_once_lose_and_double_nothing(manager: BacktestPersistenceManager):
    def record(number: int) -> int:
        # Each with an engine of its own, in an order of its own; all share half of the grid.
        bound = create_engine_for(manager.engine.url)
        own = [trial(1000 + 10 * number + step) for step in range(10)]
        mixed = np.random.default_rng(number).permutation(len(GRID))
        try:
            session = BacktestPersistenceManager(bound)
            return _record(session, *own, *(GRID[place] for place in mixed), run_id=f"run-{number}")
        finally:
            bound.dispose()

    with ThreadPoolExecutor(10) as pool:
        added = list(pool.map(record, range(10)))
    assert sum(added) == count(manager, TrialRecord) == len(GRID) + 100
    assert count(manager, TrialScopeRow) == 1
    panel = manager.load_trial_panel(scope().identifier)
    curves = dict(zip(panel.identifiers, panel.residuals, strict=True))
    for number in (*range(312), *range(1000, 1100)):
        stored = curves[trial(number).identify(scope())]
        assert stored.tobytes() == curve(number).tobytes(), number


_WRITER = """
import sys
import sqlalchemy as sa
from resources.result_store.connection import create_engine_for, parse_url
from resources.result_store.manager import BacktestPersistenceManager
from resources.result_store.trials import writes
from research.purpose import Purpose
from tests.resources.result_store.trials.ledger import scope, trial

writes._ROWS_PER_WRITE = 50
insert = writes._insert

def slow(connection, rows):
    added = insert(connection, rows)
    print("written", flush=True)
    sys.stdin.readline()
    return added

writes._insert = slow
manager = BacktestPersistenceManager(create_engine_for(parse_url(sys.argv[1])))
manager.record_trials(scope(), [trial(n) for n in range(312)], purpose=Purpose.SWEEP)
"""


@pytest.mark.parametrize("writes", [1, 4])
def test_a_killed_process_leaves_all_or_nothing(
    database: str, manager: BacktestPersistenceManager, writes: int
):
    command = [sys.executable, "-c", textwrap.dedent(_WRITER), database]
    with subprocess.Popen(
        command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as writer:
        assert writer.stdin is not None
        assert writer.stdout is not None
        for _ in range(writes):  # it is killed between two statements of its transaction
            assert writer.stdout.readline() == "written\n"
            if _ < writes - 1:
                writer.stdin.write("\n")
                writer.stdin.flush()
        writer.send_signal(signal.SIGKILL)
    assert count(manager, TrialRecord) == count(manager, TrialScopeRow) == 0
    assert _record(manager, *GRID) == len(GRID)


@pytest.mark.parametrize("table", ["trial_records", "trial_scopes"])
@pytest.mark.parametrize(
    "change",
    [
        "UPDATE {} SET id = id",
        "DELETE FROM {}",
        "DELETE FROM {} WHERE false",
        "TRUNCATE {} CASCADE",
        "INSERT INTO {0} SELECT * FROM {0} ON CONFLICT (id) DO UPDATE SET id = EXCLUDED.id",
    ],
)
def test_the_database_refuses_changes_of_the_ledger(
    shared_ledger: BacktestPersistenceManager, table: str, change: str
):
    expected = (
        r"trial_(records|scopes) is append-only: (UPDATE|DELETE|TRUNCATE) is refused, for eve"
    )
    with (
        pytest.raises(IntegrityError, match=expected),
        shared_ledger.engine.begin() as connection,
    ):
        connection.exec_driver_sql(change.format(table))
    assert count(shared_ledger, TrialRecord) == 3


def test_deleting_backtests_and_runs_leaves_the_trials(manager: BacktestPersistenceManager):
    _record(manager, trial(0))
    manager.save_backtest(result(), [trade()])
    save(manager, cached=[identifier(result())])
    assert manager.delete_backtest(identifier(result()))
    with manager.engine.begin() as connection:
        for table in ("backtests", "backtest_runs", "leaderboards", "universe_members"):
            connection.exec_driver_sql(f"DELETE FROM {table}")
        connection.exec_driver_sql("TRUNCATE backtests, backtest_runs CASCADE")
    assert count(manager, TrialRecord) == 1
