"""A row that changed in the store by one bit is detected."""

import math
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import polars as pl
import pytest
import sqlalchemy as sa
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.metrics import METRICS
from resources.result_store.frame_schemas import (
    BACKTESTS,
    RESULTS_SCHEMA,
    STORED_SCHEMA,
    TRADES,
)
from resources.result_store.manager import BacktestPersistenceManager
from resources.result_store.reconciliation import select_unchanged
from tests.resources.result_store.rows import identifier, result, results_frame, trade, trades_frame

AAPL, MSFT = result(total_trades=2), result(symbol="MSFT", total_trades=0, sharpe_ratio=None)
PRODUCED = results_frame([AAPL, MSFT])
STORED = PRODUCED.with_columns(stored_trades="total_trades")

FINITE = st.one_of(
    st.floats(allow_nan=False, allow_infinity=False),
    st.sampled_from([0.0, -0.0, 5e-324, -5e-324, 2.2e-308, 1e308, -1e308, 1e23, 0.1 + 0.2]),
)
MEASURED = [name for name, metric in METRICS.items() if metric.kind != "count"]
TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"))


def _symbols(rows: pl.DataFrame) -> list[str]:
    return rows["symbol"].to_list()


def _kept(manager: BacktestPersistenceManager, produced: pl.DataFrame = PRODUCED) -> list[str]:
    """Return the symbols whose rows read back from the store unchanged."""
    stored = manager.get_backtests_by_ids(produced["id"].to_list())
    return _symbols(select_unchanged(produced, stored))


@pytest.fixture
def saved(manager: BacktestPersistenceManager) -> BacktestPersistenceManager:
    mine = identifier(AAPL)
    manager.save_backtests(PRODUCED, trades_frame((mine, trade(1)), (mine, trade(2))))
    return manager


@given(
    metrics=st.fixed_dictionaries({name: FINITE | st.none() for name in MEASURED}),
    parameters=st.dictionaries(TEXT, FINITE | st.integers(-(2**70), 2**70) | TEXT, max_size=4),
    text=TEXT | st.none(),
)
@settings(max_examples=60, deadline=None)
def test_any_row_reads_back_from_postgresql_unchanged(
    shared_manager: BacktestPersistenceManager, metrics, parameters, text
) -> None:
    row = result(**metrics, parameters=parameters, universe_version=text, total_trades=1)
    other = result(
        symbol="MSFT",
        undefined=parameters,
        universe_version=text,
        run_id=text or "",
        total_trades=0,
    )
    produced = results_frame([row, other])
    shared_manager.save_backtests(produced, trades_frame((identifier(row), trade())))
    stored = shared_manager.get_backtests_by_ids(produced["id"].to_list())
    kept = select_unchanged(produced, stored)
    # The rows themselves, of their own types: a float's bits as an integer are no total return.
    assert kept.schema == produced.schema
    assert kept.equals(produced)


@pytest.mark.parametrize(
    ("change", "kept"),
    [
        (sa.update(BACKTESTS).values(sharpe_ratio=math.nextafter(0.25, 1)), ["MSFT"]),
        (sa.update(BACKTESTS).values(sharpe_ratio=None), ["MSFT"]),
        (sa.update(BACKTESTS).values(parameters={"fast_period": 10}), ["MSFT"]),
        (sa.delete(BACKTESTS), ["MSFT"]),
        (sa.update(BACKTESTS).values(updated_at=sa.func.now()), ["AAPL", "MSFT"]),
    ],
    ids=["one bit", "null", "json", "row", "bookkeeping"],
)
def test_a_row_changed_in_the_database_is_detected(
    saved: BacktestPersistenceManager, change: Any, kept: list[str]
) -> None:
    assert _kept(saved) == ["AAPL", "MSFT"]
    with saved.engine.begin() as connection:
        connection.execute(change.where(BACKTESTS.c.symbol == "AAPL"))
    assert _kept(saved) == kept


def test_a_trade_missing_in_the_database_is_detected(saved: BacktestPersistenceManager) -> None:
    with saved.engine.begin() as connection:
        connection.execute(sa.delete(TRADES).where(TRADES.c.trade_no == 2))
    assert _kept(saved) == ["MSFT"]


_OTHER: dict[pl.DataType, Callable[[Any], Any]] = {
    pl.String(): lambda value: value + " ",
    pl.Date(): lambda value: value + timedelta(days=1),
    pl.Int64(): lambda value: value + 1,
    pl.Float64(): lambda value: math.nextafter(value, math.inf),
    pl.Boolean(): lambda value: not value,
}
_OTHER_JSON: dict[str, str] = dict.fromkeys(
    ("parameters", "settings", "undefined", "seeds"), '{"note":1.5}'
)


SAVED_BY: dict[str, str | int] = {"run_id": "other", "part": 7, "gauntlet_version": "0"}


@pytest.mark.parametrize("name", SAVED_BY)
def test_the_run_that_saved_a_row_is_not_compared(name: str) -> None:
    """Another run may save the same result between a save and its reading back."""
    produced = results_frame([result()])
    saved_by = pl.lit(SAVED_BY[name]).alias(name)
    stored = produced.with_columns(saved_by, stored_trades="total_trades")
    assert select_unchanged(produced, stored).height == 1


@pytest.mark.parametrize("name", [name for name in RESULTS_SCHEMA if name not in SAVED_BY])
def test_a_changed_cell_in_any_column_is_detected(name: str) -> None:
    row = PRODUCED.row(0, named=True)
    row[name] = _OTHER_JSON.get(name) or _OTHER[RESULTS_SCHEMA[name]](row[name])
    changed = pl.DataFrame([{**row, "stored_trades": row["total_trades"]}], schema=STORED_SCHEMA)
    stored = pl.concat([changed, STORED[1:]])
    assert _symbols(select_unchanged(PRODUCED, stored)) == ["MSFT"]


@pytest.mark.parametrize(("produced", "stored"), [(0.0, -0.0), (-0.0, 0.0), (None, 0.0)])
def test_zero_minus_zero_and_null_are_different(produced: float | None, stored: float) -> None:
    rates = [pl.lit(value, pl.Float64) for value in (produced, stored)]
    frames = PRODUCED.with_columns(win_rate=rates[0]), STORED.with_columns(win_rate=rates[1])
    assert select_unchanged(*frames).is_empty()


@pytest.mark.parametrize(
    "text",
    [
        '{"slow_period":20,"fast_period":10}',
        '{"fast_period": 10.0, "slow_period": 2e1}',
        '{ "fast_period" : 10 ,\n"slow_period" : 20 }',
    ],
)
def test_json_with_the_same_meaning_is_unchanged(text: str) -> None:
    stored = STORED.with_columns(parameters=pl.lit(text))
    assert _symbols(select_unchanged(PRODUCED, stored)) == ["AAPL", "MSFT"]


@pytest.mark.parametrize(
    ("counts", "kept"), [((0, 0), "MSFT"), ((1, 0), "MSFT"), ((3, 0), "MSFT"), ((2, 1), "AAPL")]
)
def test_a_wrong_number_of_trades_is_detected(counts: tuple[int, int], kept: str) -> None:
    stored = STORED.with_columns(stored_trades=pl.Series(counts))
    assert _symbols(select_unchanged(PRODUCED, stored)) == [kept]


def test_a_missing_row_is_detected_and_other_rows_are_ignored() -> None:
    strange = results_frame([result(symbol="IBM")]).with_columns(stored_trades="total_trades")
    kept = select_unchanged(PRODUCED, pl.concat([STORED[1:], strange]))
    assert _symbols(kept) == ["MSFT"]


def test_empty_frames_have_no_unchanged_rows() -> None:
    nothing, none_stored = RESULTS_SCHEMA.to_frame(), STORED_SCHEMA.to_frame()
    assert select_unchanged(nothing, none_stored).is_empty()
    assert select_unchanged(PRODUCED, none_stored).is_empty()
    assert select_unchanged(nothing, STORED).is_empty()
