"""What `make chaos` compares: planted faults are found, and a short one finds none."""

from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import psycopg
import pytest

from strategies.registry import registered_strategies
from tests.chaos.comparison import find_differences, find_false_results
from tests.chaos.kills import Pace
from tests.chaos.nights import Chaos
from tests.chaos.rows import connect, read_rows
from tests.chaos.state import State, read_state
from tests.pipelines.cli.command import lay_out, run_main_job
from tests.postgres import fresh_database

SYMBOLS = ["AAPL", "MSFT"]
END = "2023-06-30"
_OTHERS = len(registered_strategies()) - 1
_ONE = "(SELECT id FROM backtests WHERE symbol = 'AAPL' AND strategy = 'macd')"
_FAILURE = """
    INSERT INTO failures
        (run_id, stage, symbol, error_class, message, source, start_date, end_date)
    SELECT run_id, 'prices', 'AAPL', 'X', 'x', source, start_date, end_date FROM backtest_runs
"""

Connection = psycopg.Connection[Any]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("project")
    lay_out(made, SYMBOLS)
    return made


@pytest.fixture(scope="module")
def connection(server: str, folder: Path) -> Iterator[Connection]:
    """Lend a connection to the results of a run of the project in `folder`."""
    with fresh_database(server) as url:
        done = run_main_job(folder, url, GAUNTLET_END=END)
        assert done.returncode == 0, done.stdout + done.stderr
        with closing(connect(url)) as connection:
            yield connection


@pytest.fixture(scope="module")
def whole(folder: Path, connection: Connection) -> State:
    return read_state(folder, read_rows(connection))


def test_a_project_equals_itself(whole: State):
    assert len(whole.backtests) == len(whole.curves) == len(SYMBOLS) * len(registered_strategies())
    assert len(whole.prices) == 2
    assert not find_differences(whole, whole, END)


@pytest.mark.parametrize(
    ("fault", "found", "at_once"),
    [
        (f"UPDATE backtests SET sharpe_ratio = 9.5 WHERE id = {_ONE}", "differs: ", True),
        (f"UPDATE trades SET pnl = pnl * 2 WHERE backtest_id = {_ONE}", "differs: ", True),
        (f"DELETE FROM trades WHERE backtest_id = {_ONE} AND trade_no = 1", "differs: ", True),
        (f"DELETE FROM backtests WHERE id = {_ONE}", f"with {_OTHERS} of {_OTHERS + 1} rows", True),
        ("DELETE FROM leaderboard_rows WHERE strategy = 'macd'", "is another one", False),
        (
            _FAILURE,
            "has 1 failures",
            False,
        ),
    ],
)
def test_a_row_that_differs_is_found(
    folder: Path, connection: Connection, whole: State, fault: str, found: str, at_once: bool
):
    connection.execute(fault.encode())
    spoiled = read_state(folder, read_rows(connection))
    connection.rollback()
    assert any(found in line for line in find_differences(spoiled, whole, END))
    assert any(found in line for line in find_false_results(spoiled, whole)) == at_once


@pytest.mark.parametrize(
    ("spoil", "found"),
    [
        (lambda state: replace(state, curves=dict.fromkeys(state.curves, "x")), "equity curve "),
        (lambda state: replace(state, prices={"AAPL": state.prices["AAPL"]}), "MSFT are missing"),
        (lambda state: replace(state, reports=dict.fromkeys(state.reports, "x")), "report "),
        (lambda state: replace(state, reports={}), "the report is missing"),
        (lambda state: replace(state, unfinished=("a.tmp",)), "a.tmp is left over"),
        (lambda state: replace(state, statuses=state.statuses | {"old": "STARTED"}), "for ever"),
        (lambda state: replace(state, statuses=state.statuses | {"old": "SUCCESS"}), "success"),
    ],
)
def test_what_differs_beside_rows_is_found(
    whole: State, spoil: Callable[[State], State], found: str
):
    assert any(found in line for line in find_differences(spoil(whole), whole, END))


def test_a_night_with_two_kills_ends_with_the_same_results(tmp_path_factory: Any):
    chaos = Chaos(Path(tmp_path_factory.mktemp("chaos")), 74, SYMBOLS, Pace(1.0, 0.5))
    chaos.live(2)
    chaos.stop()
    assert chaos.nights == 1
    assert chaos.kills.total() == 2
