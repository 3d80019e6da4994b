"""Bulk saving: idempotent, atomic, exact to the bit, and without deadlocks."""

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

import polars as pl
import pytest
import sqlalchemy as sa

from research.errors import InvalidResultError
from resources.result_store import bulk
from resources.result_store.errors import DatabaseUnreachableError
from resources.result_store.frame_schemas import BACKTESTS, RESULTS_SCHEMA, TRADES, TRADES_SCHEMA
from tests.resources.result_store.rows import identifier, result, results_frame, trade, trades_frame

NO_TRADES = TRADES_SCHEMA.to_frame()


def _stored(engine: sa.Engine) -> tuple[list[Any], list[Any]]:
    """Return all results, without the time of their last update, and all trades."""
    columns = [column for column in BACKTESTS.columns if column.name != "updated_at"]
    trades = sa.select(TRADES).order_by(TRADES.c.backtest_id, TRADES.c.trade_no)
    with engine.connect() as connection:
        results = connection.execute(sa.select(*columns).order_by(BACKTESTS.c.id)).all()
        return list(results), list(connection.execute(trades).all())


def _frames() -> tuple[pl.DataFrame, pl.DataFrame]:
    rows = [result(symbol=symbol) for symbol in ("AAPL", "MSFT", "IBM")]
    first, second = identifier(rows[0]), identifier(rows[1])
    trades = trades_frame((first, trade(1)), (first, trade(2)), (second, trade(1)))
    return results_frame(rows), trades


def test_saving_the_same_frames_twice_leaves_the_same_rows(engine: sa.Engine) -> None:
    assert bulk.save(engine, *_frames()) == 3
    once = _stored(engine)
    assert [len(part) for part in once] == [3, 3]
    assert bulk.save(engine, *_frames()) == 3
    assert _stored(engine) == once  # created_at, too


def test_an_update_replaces_every_column_and_the_trades(engine: sa.Engine) -> None:
    bulk.save(engine, *_frames())
    row = result(run_id="run-2", sharpe_ratio=None, undefined={"sharpe_ratio": "no trades"})
    bulk.save(engine, results_frame([row]), trades_frame((identifier(row), trade(9))))
    with engine.connect() as connection:
        changed = sa.select(BACKTESTS).where(BACKTESTS.c.symbol == "AAPL")
        found = connection.execute(changed).mappings().one()
        numbers = sa.select(TRADES.c.trade_no).where(TRADES.c.backtest_id == found["id"])
        assert connection.execute(numbers).scalars().all() == [9]
    assert found["run_id"] == "run-2"
    assert found["sharpe_ratio"] is None
    assert found["updated_at"] > found["created_at"]


def test_values_read_back_to_the_bit(engine: sa.Engine) -> None:
    values = [0.1 + 0.2, 5e-324, -1.7976931348623157e308, 1 / 3, -0.0, 1e23]
    rows = [result(symbol=f"S{place}", sharpe_ratio=value) for place, value in enumerate(values)]
    bulk.save(engine, results_frame(rows), NO_TRADES)
    query = sa.select(BACKTESTS.c.sharpe_ratio).order_by(BACKTESTS.c.symbol)
    with engine.connect() as connection:
        found = connection.execute(query).scalars().all()
    assert [value.hex() for value in found if value is not None] == [v.hex() for v in values]


@pytest.mark.parametrize("text", ["", 'a "b", c', "two\nlines\r\n", "\\N", "\\.", "ä €", "NULL"])
def test_text_reads_back_as_written(engine: sa.Engine, text: str) -> None:
    row = result(run_id=text, parameters={"note": text})
    bulk.save(engine, results_frame([row]), NO_TRADES)
    query = sa.select(BACKTESTS.c.run_id, BACKTESTS.c.parameters)
    with engine.connect() as connection:
        assert connection.execute(query).one() == (text, {"note": text})


@pytest.mark.parametrize(
    ("changes", "rule"),
    [
        ({"start_date": result()["end_date"], "end_date": result()["start_date"]}, "window"),
        ({"data_points": 0}, "data_points"),
        ({"first_session": result()["end_date"]}, "sessions"),
    ],
)
def test_a_refused_row_rolls_back_the_whole_save(
    engine: sa.Engine, changes: dict[str, Any], rule: str
) -> None:
    bulk.save(engine, *_frames())
    before = _stored(engine)
    rows = [result(symbol="NEW"), result(symbol="AAPL", data_points=1), result(**changes)]
    with pytest.raises(InvalidResultError, match=f"ck_backtests_{rule}") as refusal:
        bulk.save(engine, results_frame([*rows[:1], rows[2]]), NO_TRADES)
    assert "\n" not in str(refusal.value)
    assert _stored(engine) == before


def test_a_refused_trade_rolls_back_its_backtest(engine: sa.Engine) -> None:
    row = result()
    with pytest.raises(InvalidResultError, match="ck_trades_status"):
        bulk.save(
            engine, results_frame([row]), trades_frame((identifier(row), trade(status="lost")))
        )
    assert _stored(engine) == ([], [])


def test_invalid_json_is_refused(engine: sa.Engine) -> None:
    broken = results_frame([result()]).with_columns(parameters=pl.lit("{"))
    with pytest.raises(InvalidResultError, match="invalid input syntax for type json"):
        bulk.save(engine, broken, NO_TRADES)


def test_two_identifiers_for_one_natural_key_are_refused(engine: sa.Engine) -> None:
    frame = results_frame([result()])
    bulk.save(engine, frame, NO_TRADES)
    other = identifier(result(symbol="MSFT"))
    with pytest.raises(InvalidResultError, match="uq_backtests_natural_key"):
        bulk.save(engine, frame.with_columns(id=pl.lit(other)), NO_TRADES)


def test_saving_no_rows_is_allowed(engine: sa.Engine) -> None:
    assert bulk.save(engine, RESULTS_SCHEMA.to_frame(), NO_TRADES) == 0


def test_concurrent_writers_neither_lose_rows_nor_deadlock(engine: sa.Engine) -> None:
    writers, turns, shared = 20, 2, 30
    start = Barrier(writers)

    def write(writer: int) -> None:
        for turn in range(turns):
            symbols = [f"S{turn}-{place}" for place in range(shared)] + [f"OWN{turn}-{writer}"]
            rows = [result(symbol=symbol, run_id=str(writer)) for symbol in symbols]
            trades = trades_frame(*((identifier(row), trade()) for row in rows))
            shuffled = results_frame(rows).sample(fraction=1.0, shuffle=True, seed=writer)
            start.wait()
            try:
                bulk.save(engine, shuffled, trades)
            except BaseException:
                start.abort()  # otherwise the other writers would wait for ever
                raise

    with ThreadPoolExecutor(writers) as pool:
        list(pool.map(write, range(writers)))
    results, trades = _stored(engine)
    assert len(results) == len(trades) == turns * (shared + writers)


def test_a_broken_connection_is_a_database_unreachable_error(engine: sa.Engine) -> None:
    elsewhere = sa.create_engine(engine.url.set(query={"host": "/no/such/socket"}))
    with pytest.raises(DatabaseUnreachableError, match="can't be reached"):
        bulk.save(elsewhere, *_frames())
