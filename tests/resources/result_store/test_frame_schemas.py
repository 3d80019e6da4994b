"""A frame is stored unchanged or refused with the name of the column."""

from typing import Any

import polars as pl
import pytest

from research.errors import InvalidResultError
from resources.result_store.frame_schemas import (
    RESULTS_SCHEMA,
    TRADES_SCHEMA,
    validate_results,
    validate_trades,
)
from tests.resources.result_store.rows import identifier, result, results_frame, trade, trades_frame


def _results(**columns: Any) -> pl.DataFrame:
    return results_frame([result()]).with_columns(**columns)


def test_a_valid_frame_is_returned_in_the_order_of_the_table() -> None:
    frame = results_frame([result(), result(symbol="MSFT")])
    assert validate_results(frame.select(reversed(frame.columns))).equals(frame)
    assert frame.schema == RESULTS_SCHEMA


def test_missing_and_unknown_columns_are_named() -> None:
    frame = _results().rename({"sharpe_ratio": "sharp_ratio"})
    with pytest.raises(InvalidResultError) as refusal:
        validate_results(frame)
    assert str(refusal.value) == (
        "Wrong columns of backtests: missing sharpe_ratio; unknown sharp_ratio. "
        "Did you mean 'sharpe_ratio'?"
    )


def test_a_wrong_type_is_named() -> None:
    with pytest.raises(InvalidResultError, match="data_points is Float64, not Int64"):
        validate_results(_results(data_points=pl.lit(1.5)))


def test_integers_of_any_width_and_null_columns_are_accepted() -> None:
    frame = _results(data_points=pl.lit(5, pl.Int16), sharpe_ratio=None, bars_per_year=pl.lit(252))
    checked = validate_results(frame)
    assert checked.schema == RESULTS_SCHEMA
    assert checked.select("data_points", "sharpe_ratio", "bars_per_year").row(0) == (5, None, 252.0)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
@pytest.mark.parametrize("name", ["sharpe_ratio", "bars_per_year", "benchmark_return"])
def test_nan_and_infinities_are_refused(name: str, value: float) -> None:
    with pytest.raises(InvalidResultError, match=f"NaN or an infinity in backtests: {name}\\."):
        validate_results(_results(**{name: pl.lit(value)}))


def test_nan_in_a_trade_is_refused() -> None:
    row = result()
    trades = trades_frame((identifier(row), trade(pnl=float("nan"))))
    with pytest.raises(InvalidResultError, match="NaN or an infinity in trades: pnl"):
        validate_trades(trades, results_frame([row]))


def test_null_where_a_value_is_required_is_refused() -> None:
    with pytest.raises(InvalidResultError, match=r"NULL in backtests .*: symbol, undefined"):
        validate_results(_results(symbol=None, undefined=None))


def test_the_same_result_twice_is_refused() -> None:
    row = result()
    with pytest.raises(InvalidResultError, match=f"Duplicate results: {identifier(row)}"):
        validate_results(results_frame([row, row]))


def test_the_same_trade_twice_is_refused() -> None:
    row = result()
    trades = trades_frame((identifier(row), trade(3)), (identifier(row), trade(3)))
    with pytest.raises(InvalidResultError, match=f"Duplicate trades: {identifier(row)} 3"):
        validate_trades(trades, results_frame([row]))


def test_a_trade_without_its_backtest_is_refused() -> None:
    other = identifier(result(symbol="MSFT"))
    with pytest.raises(InvalidResultError, match=f"not among the results: {other}"):
        validate_trades(trades_frame((other, trade())), results_frame([result()]))


@pytest.mark.parametrize("given", [None, [], {"symbol": ["AAPL"]}])
def test_an_argument_that_is_not_a_frame_is_refused(given: Any) -> None:
    with pytest.raises(InvalidResultError, match=f"are a {type(given).__name__}, not a DataFrame"):
        validate_results(given)


def test_empty_frames_are_valid() -> None:
    nothing = RESULTS_SCHEMA.to_frame()
    assert validate_results(nothing).is_empty()
    assert validate_trades(TRADES_SCHEMA.to_frame(), nothing).is_empty()
