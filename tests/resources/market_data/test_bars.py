import hashlib
import itertools
import struct
from datetime import date, timedelta

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from resources.market_data.bars import (
    SCHEMA,
    BadBarsError,
    data_version,
    validate_bars,
    widen_ranges,
)

START = date(2021, 1, 4)


def bars(rows: int = 5) -> pl.DataFrame:
    close = 100 + np.arange(rows)
    return pl.DataFrame(
        {
            "date": [START + timedelta(days=row) for row in range(rows)],
            "open": close - 0.5,
            "high": close + 1.0,
            "low": close - 1.0,
            "close": close,
            "volume": 1000.0 + np.arange(rows),
            "adjustment": np.full(rows, 0.5),
        },
        schema=dict(SCHEMA),
    )


def with_cell(column: str, row: int, value: object) -> pl.DataFrame:
    return with_values(bars(), column, row, value)


def with_values(frame: pl.DataFrame, column: str, row: int, value: object) -> pl.DataFrame:
    cells = frame[column].to_list()
    cells[row] = value
    return frame.with_columns(pl.Series(column, cells, dtype=frame.schema[column]))


def test_valid_bars_are_returned_with_the_columns_of_the_schema():
    shuffled = bars().select(reversed(list(SCHEMA))).with_columns(extra=1)
    assert validate_bars("AAPL", shuffled).equals(bars())


def test_zero_volume_and_a_bar_of_one_price_are_valid():
    flat = bars(1).with_columns(open=100.0, high=100.0, low=100.0, volume=0.0)
    assert validate_bars("AAPL", flat).equals(flat)


@pytest.mark.parametrize(
    ("column", "value", "rule"),
    [
        ("date", START, "dates are not ascending"),
        ("date", START + timedelta(days=1), "dates are not unique"),
        ("open", None, "open is missing, NaN or infinite"),
        ("close", float("nan"), "close is missing, NaN or infinite"),
        ("high", float("inf"), "high is missing, NaN or infinite"),
        ("volume", None, "volume is missing, NaN or infinite"),
        ("adjustment", float("nan"), "adjustment is missing, NaN or infinite"),
        ("low", 0.0, "low is not positive"),
        ("close", -1.0, "close is not positive"),
        ("adjustment", 0.0, "adjustment is not positive"),
        ("high", 100.9, "high is below low"),
        ("open", 103.1, "open is outside [low, high]"),
        ("open", 100.9, "open is outside [low, high]"),
        ("close", 103.0000000001, "close is outside [low, high]"),
        ("close", 100.9999999999, "close is outside [low, high]"),
        ("volume", -1.0, "volume is negative"),
    ],
)
def test_a_broken_rule_is_named_with_symbol_and_date(column: str, value: object, rule: str):
    with pytest.raises(BadBarsError) as refused:
        validate_bars("AAPL", with_cell(column, 2, value))
    day = value if column == "date" else START + timedelta(days=2)
    assert str(refused.value).startswith(f"AAPL: bad bar on {day}: {rule}")


def test_the_prices_of_a_refused_bar_are_shown():
    with pytest.raises(BadBarsError) as refused:
        validate_bars("AAPL", with_cell("high", 2, 100.9))
    assert str(refused.value) == (
        "AAPL: bad bar on 2021-01-06: high is below low "
        "(open 101.5, high 100.9, low 101.0, close 102.0)."
    )


@pytest.mark.parametrize(("column", "beyond"), [("high", 1.0), ("low", -1.0)])
def test_a_range_that_is_off_by_rounding_is_widened(column: str, beyond: float):
    narrow = bars().with_columns(
        high=pl.max_horizontal("open", "close"), low=pl.min_horizontal("open", "close")
    )
    assert widen_ranges(narrow) == (narrow, 0)
    for size, changed in ((2.2e-16, 1), (9e-7, 1), (2e-6, 0)):
        frame = with_values(narrow, column, 2, narrow[column][2] * (1.0 - beyond * size))
        widened, count = widen_ranges(frame)
        assert count == changed
        if changed:
            assert validate_bars("AAPL", widened).equals(narrow)
        else:
            with pytest.raises(BadBarsError, match=r"outside \[low, high\]"):
                validate_bars("AAPL", widened)


def test_a_missing_date_is_named_by_its_row():
    with pytest.raises(BadBarsError, match="AAPL: bad bar on row 2: date is missing"):
        validate_bars("AAPL", with_cell("date", 2, None))


def test_the_first_offending_row_is_named():
    frame = with_cell("open", 4, None).with_columns(
        volume=pl.Series([1.0, -1.0, 1.0, 1.0, 1.0], dtype=pl.Float64)
    )
    with pytest.raises(BadBarsError, match="bad bar on 2021-01-05: volume is negative"):
        validate_bars("AAPL", frame)


def test_empty_data_missing_columns_and_wrong_types_are_refused():
    with pytest.raises(BadBarsError, match="AAPL: there is no data, not one bar"):
        validate_bars("AAPL", bars(0))
    with pytest.raises(BadBarsError, match="AAPL: bars have no column 'volume'"):
        validate_bars("AAPL", bars().drop("volume"))
    with pytest.raises(BadBarsError, match="AAPL: column 'open' is String, and must be Float64"):
        validate_bars("AAPL", bars().with_columns(pl.col("open").cast(pl.String)))


def test_the_data_version_is_the_documented_hash():
    frame = bars(1)
    expected = b"bars 1 1 date open high low close volume adjustment\n"
    expected += struct.pack("<i6d", 18631, 99.5, 101, 99, 100, 1000, 0.5)
    assert data_version(frame) == hashlib.sha256(expected).hexdigest()[:32]


@settings(deadline=None)
@given(st.lists(st.integers(0, 20), max_size=4))
def test_the_data_version_does_not_depend_on_chunks(cuts: list[int]):
    frame = bars(20)
    edges = [0, *sorted(cuts), 20]
    parts = [frame[low:high] for low, high in itertools.pairwise(edges)]
    chunked = pl.concat(parts, rechunk=False)
    assert data_version(chunked) == data_version(frame)


@pytest.mark.parametrize("column", SCHEMA)
def test_the_data_version_changes_with_one_bit_of_any_column(column: str):
    frame = bars()
    later = START + timedelta(days=9)
    value = later if column == "date" else np.nextafter(frame[column][4], np.inf)
    assert data_version(with_cell(column, 4, value)) != data_version(frame)


def test_the_data_version_is_the_same_for_zero_and_minus_zero():
    zero, minus = with_cell("volume", 1, 0.0), with_cell("volume", 1, -0.0)
    assert data_version(zero) == data_version(minus)
