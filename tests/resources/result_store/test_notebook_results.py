"""A notebook's results: what run_backtest returns is saved whole, through engine or session."""

import asyncio
import getpass
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import sqlalchemy as sa
from sqlalchemy.orm import Session, scoped_session, sessionmaker

from engine.backtest import VectorBTEngine
from engine.metrics import METRICS
from research.errors import InvalidResultError
from research.purpose import Purpose
from resources.result_store.connection import create_engine_for, parse_url
from resources.result_store.errors import InvalidArgumentError, UnknownMetricError
from resources.result_store.frame_schemas import BACKTESTS, MEMBERS, TRADES
from resources.result_store.manager import BacktestPersistenceManager
from tests.bars import random_frame
from tests.postgres import fresh_database


class Provider:
    def get_stock_data(self, symbol: str, start_date: str, end_date: str, interval: str):
        return random_frame(500, seed=len(symbol))


def _backtest(symbol: str = "AAPL", strategy: str = "sma_cross", **parameters: Any) -> dict:
    engine = VectorBTEngine(data_provider=Provider())  # pyright: ignore[reportArgumentType]
    call = engine.run_backtest(symbol, strategy, parameters, "2021-06-01", "2022-03-31")
    return asyncio.run(call)


RESULT = _backtest()


@pytest.fixture(scope="module")
def bind(server: str) -> Iterator[sa.Engine]:
    """Lend an engine on one database for this module; each test saves results of its own."""
    with fresh_database(server) as url:
        engine = create_engine_for(parse_url(url))
        yield engine
        engine.dispose()


@pytest.fixture
def session(bind: sa.Engine) -> Iterator[Session]:
    """Lend a session on a database without results."""
    with bind.begin() as connection:
        connection.execute(sa.delete(BACKTESTS))
    with Session(bind) as session:
        yield session


def test_a_result_is_saved_with_all_that_it_came_from(session: Session):
    with BacktestPersistenceManager(session=session) as store:
        saved = store.save_backtest_result(
            vectorbt_results=RESULT, execution_time=2.0, notes="first try"
        )
        found = store.get_backtest_by_id(str(saved))
    assert found is not None
    assert (found["notes"], found["execution_time"]) == ("first try", 2.0)
    assert {name: found[name] for name in METRICS} == RESULT["metrics"]
    same = set(RESULT) & set(BACKTESTS.columns.keys())
    assert len(same) == 15
    assert {name: found[name] for name in same} == {name: RESULT[name] for name in same}
    assert (found["source"], found["execution"], found["run_id"]) == ("Provider", "next_open", "")
    assert found["data_points"] == len(RESULT["equity_curve"]) == 304
    assert len(found["trades"]) == len(RESULT["trades"]) > 3
    for number, (stored, trade) in enumerate(zip(found["trades"], RESULT["trades"], strict=True)):
        plain = {**trade, "trade_return": trade["return"]}
        del plain["return"]
        assert stored == {"backtest_id": saved, "trade_no": number + 1, **plain}


def test_the_same_backtest_is_one_row_and_keeps_its_notes(session: Session):
    store = BacktestPersistenceManager(session=session)
    first = store.save_backtest_result(RESULT, notes="first")
    assert store.save_backtest_result(_backtest(), execution_time=1) == first
    other = store.save_backtest_result(_backtest(fast_period=5))
    assert other != first
    rows = {row["id"]: row for row in store.get_backtests_by_symbol("AAPL", "sma_cross")}
    assert set(rows) == {first, other}
    assert (rows[first]["notes"], rows[first]["execution_time"]) == ("first", 1.0)
    assert rows[other]["notes"] is None
    store.save_backtest_result(RESULT, notes="second")
    found = store.get_backtest_by_id(first)
    assert found is not None
    assert found["notes"] == "second"


def test_saved_results_are_found_ranked_compared_and_deleted(session: Session):
    with BacktestPersistenceManager(session=session) as store:
        ids = [
            store.save_backtest_result(_backtest(symbol, strategy))
            for symbol in ("AAPL", "MSFT2")
            for strategy in ("sma_cross", "rsi")
        ]
        results = {one: store.get_backtest_by_id(one) for one in ids}
        assert [row["id"] for row in store.get_backtests_by_strategy("rsi")] == [ids[3], ids[1]]
        assert [row["id"] for row in store.get_backtests_by_symbol("AAPL", limit=1)] == [ids[1]]
        best = store.get_best_performing_strategies("total_return", min_trades=0, limit=3)
        returns = {one: row["total_return"] for one, row in results.items() if row}
        assert [row["id"] for row in best] == sorted(ids, key=lambda one: -returns[one])[:3]
        assert [row["symbols"] for row in store.compare_strategies()] == [2, 2]
        compared = store.compare_strategies([ids[0], str(ids[3])], ["total_return", "total_fees"])
        assert [one["backtest_id"] for one in compared["backtests"]] == [ids[0], ids[3]]
        assert compared["backtests"][1]["metrics"]["total_return"] == returns[ids[3]]
        for metric, sign in (("total_return", -1), ("total_fees", 1)):
            values = {one: row[metric] for one, row in results.items() if row}
            order = sorted((ids[0], ids[3]), key=lambda one: sign * values[one])
            assert compared["rankings"][metric] == [
                {"backtest_id": one, "value": values[one], "rank": place}
                for place, one in enumerate(order, start=1)
            ]
        assert compared["summary"]["total_backtests"] == 2
        assert store.delete_backtest(ids[0])
        assert store.get_backtest_by_id(ids[0]) is None


def test_they_count_as_trials_and_are_on_no_leaderboard(session: Session, bind: sa.Engine):
    BacktestPersistenceManager(session=session).save_backtest_result(RESULT)
    assert session.execute(sa.select(MEMBERS.c.purpose, MEMBERS.c.run_id)).all() == [
        ("notebook", "")
    ]
    store = BacktestPersistenceManager(bind)
    assert store.get_best_performing_strategies(min_trades=0) == []
    assert len(store.get_best_performing_strategies(min_trades=0, purpose=Purpose.NOTEBOOK)) == 1
    assert session.scalar(sa.text("SELECT count(*) FROM latest_backtests")) == 0


def test_a_saved_result_is_a_trial_with_its_raw_curve(session: Session):
    store = BacktestPersistenceManager(session=session)
    result = _backtest("LEDGER")
    for _ in range(2):
        store.save_backtest_result(result)
    (trial,) = store.get_trials(symbols="LEDGER").to_dicts()
    assert (trial["purpose"], trial["run_user"]) == ("notebook", getpass.getuser())
    assert (trial["source"], trial["universe_version"], trial["beta"]) == ("Provider", None, 0.0)
    panel = store.load_trial_panel(trial["scope_id"])
    equity = np.r_[10_000.0, result["equity_curve"]]
    returns = (np.diff(equity) / equity[:-1]).astype(np.float32)
    assert panel.residuals[0].tobytes() == returns.tobytes()
    assert panel.scope.dates.tolist() == [day.date() for day in result["equity_curve"].index]
    assert trial["activity"] == (returns != 0).mean()
    # Long, or out, at the close before each day.
    days = panel.scope.dates.tolist()
    held = [
        any(
            one["entry_date"] < day and (one["status"] == "open" or day <= one["exit_date"])
            for one in result["trades"]
        )
        for day in days
    ]
    assert panel.exposures[0].tolist() == held
    assert 0 < sum(held) < len(days)
    broken = {**_backtest("BROKEN"), "metrics": dict.fromkeys(METRICS, float("nan"))}
    with pytest.raises(InvalidResultError):
        store.save_backtest_result(broken)
    assert store.get_trials(symbols="BROKEN").is_empty()


def test_a_session_on_a_connection_stays_in_its_transaction(bind: sa.Engine, session: Session):
    with bind.connect() as connection:
        with BacktestPersistenceManager(session=Session(connection)) as store:
            first = store.save_backtest_result(RESULT)
            second = store.save_backtest_result(_backtest("MSFT2"))
            broken = {**RESULT, "symbol": "A\0"}
            with pytest.raises(InvalidResultError, match="refuses the rows"):
                store.save_backtest_result(broken)
            assert store.get_backtest_by_id(first)
            assert len(store.get_backtests_by_strategy("sma_cross")) == 2
        assert BacktestPersistenceManager(bind).get_backtest_by_id(second) is None
        connection.rollback()
    assert session.scalar(sa.select(sa.func.count()).select_from(TRADES)) == 0


def test_entering_makes_the_schema(bare_engine: sa.Engine):
    local = scoped_session(sessionmaker(bare_engine))
    with BacktestPersistenceManager(session=local) as store:
        assert store.get_backtest_by_id(store.save_backtest_result(RESULT))
    local.remove()


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({}, "needs an engine or a session; for the results of this project use gauntlet.open"),
        ({"session": "here"}, "session is a str; allowed: a sqlalchemy.orm.Session."),
        ({"session": Session()}, "session is bound to no database; allowed: Session"),
        ({"session": Session(sa.create_engine("sqlite://"))}, "session is one of sqlite.pysqlite;"),
    ],
)
def test_what_is_no_session_of_postgresql_is_refused(given: dict[str, Any], message: str):
    with pytest.raises(InvalidArgumentError, match=message):
        BacktestPersistenceManager(**given)


@pytest.mark.parametrize(
    ("result", "given", "error", "message"),
    [
        (None, {}, InvalidResultError, "vectorbt_results is a NoneType; needed: the dict that"),
        ({"symbol": "AAPL"}, {}, InvalidResultError, "has no strategy, parameters, start_date,"),
        ({**RESULT, "metrics": {}}, {}, InvalidResultError, "has no total_return, annualized_ret"),
        (RESULT, {"execution_time": -1}, InvalidArgumentError, "execution_time is -1; allowed"),
        (RESULT, {"execution_time": "2 s"}, InvalidArgumentError, "execution_time is '2 s'; allo"),
        (RESULT, {"notes": "A\0"}, InvalidArgumentError, r"notes is 'A\\x00'; allowed: a text"),
    ],
)
def test_an_unusable_result_is_refused(
    session: Session, result: Any, given: Any, error: type[Exception], message: str
):
    store = BacktestPersistenceManager(session=session)
    with pytest.raises(error, match=message):
        store.save_backtest_result(result, **given)
    assert store.get_backtests_by_strategy("sma_cross") == []


def test_a_comparison_of_nothing_is_refused(session: Session):
    store = BacktestPersistenceManager(session=session)
    with pytest.raises(InvalidArgumentError, match="None of the 1 backtest_ids is stored"):
        store.compare_strategies(["00000000-0000-0000-0000-000000000001"])
    with pytest.raises(UnknownMetricError, match="Did you mean 'sharpe_ratio'"):
        store.compare_strategies([], ["sharp_ratio"])
