"""Which prices of a file are raw, which adjusted, and what a source notes about it."""

from datetime import date
from pathlib import Path

import polars as pl
import pytest

from resources.market_data.bars import BadBarsError
from resources.market_data.sources.files import FilesSource

WINDOW = (date(2021, 1, 1), date(2021, 12, 31))
DAYS = ["2021-01-04", "2021-01-05", "2021-01-06"]


def fetch(folder: Path, header: str, *rows: str) -> tuple[pl.DataFrame, str]:
    """Return the bars of a file whose rows begin with `DAYS`, and their basis."""
    lines = [f"{day},{row}" for day, row in zip(DAYS, rows, strict=False)]
    (folder / "TST.csv").write_text("\n".join([header, *lines]))
    source = FilesSource(str(folder))
    return source.fetch("TST", *WINDOW), source.notes["TST"].basis


def test_the_column_adjustment_comes_first(tmp_path: Path):
    header = "date,open,high,low,close,adj close,adjustment,splitFactor"
    bars, basis = fetch(tmp_path, header, "10,12,9,11,1,0.5,4", "10,12,9,11,1,1,4")
    assert bars["adjustment"].to_list() == [0.5, 1.0]
    assert basis == "adjusted by column 'adjustment'"


def test_the_adjusted_close_comes_before_splits(tmp_path: Path):
    header = "date,open,high,low,close,adjClose,adjHigh,splitFactor,divCash"
    bars, basis = fetch(tmp_path, header, "10,12,9,11,5.5,6,four,x", "10,12,9,11,11,12,1,0")
    assert bars["adjustment"].to_list() == [0.5, 1.0]
    assert basis == "adjusted by column 'adjClose'"


def test_a_missing_raw_price_comes_from_the_adjusted_one(tmp_path: Path):
    header = "date,adjOpen,high,adjLow,close,adj_close"
    bars, _ = fetch(tmp_path, header, "5,12,4.5,11,5.5")
    assert bars.row(0)[1:] == (10.0, 12.0, 9.0, 11.0, 0.0, 0.5)


@pytest.mark.parametrize("more", ["", ",Close", ",High,Low"])
def test_adjusted_prices_alone_have_factor_one(tmp_path: Path, more: str):
    header = "date,Adj Open,Adj High,Adj Low,Adj Close"
    if more == ",Close":  # and so the factor is known, and raw prices with it
        bars, basis = fetch(tmp_path, header + more, "5,6,4.5,5.5,11")
        assert bars.row(0)[1:] == (10.0, 12.0, 9.0, 11.0, 0.0, 0.5)
        assert basis == "adjusted by column 'Adj Close'"
        return
    bars, basis = fetch(tmp_path, header + more, "5,6,4.5,5.5" + ",12,9" * bool(more))
    assert bars.row(0)[1:] == (5.0, 6.0, 4.5, 5.5, 0.0, 1.0)
    assert basis == "already adjusted: no other prices found"


def test_an_adjusted_close_beside_raw_prices_is_no_close(tmp_path: Path):
    with pytest.raises(BadBarsError, match="TST: its file has no column 'close'"):
        fetch(tmp_path, "date,open,high,low,adj close", "10,12,9,5.5")


def test_the_factor_is_derived_before_the_window_is_cut(tmp_path: Path):
    fetch(tmp_path, "date,open,high,low,close,Split Ratio", "8,8,8,8,1", "4,4,4,4,2", "1,1,1,1,4")
    source = FilesSource(str(tmp_path))
    bars = source.fetch("TST", date(2021, 1, 4), date(2021, 1, 5))
    assert bars["adjustment"].to_list() == [0.125, 0.25]
    assert source.notes["TST"].basis == "adjusted by column 'Split Ratio'"


def test_splits_of_a_file_that_is_newest_first_count(tmp_path: Path):
    text = "date,open,high,low,close,splits\n2021-01-05,4,4,4,4,2:1\n2021-01-04,8,8,8,8,\n"
    (tmp_path / "TST.csv").write_text(text)
    bars = FilesSource(str(tmp_path)).fetch("TST", *WINDOW)
    assert bars["adjustment"].to_list() == [0.5, 1.0]
    assert bars["close"].to_list() == [8.0, 4.0]


def test_dividends_follow_the_decimal_mark_of_prices(tmp_path: Path):
    text = "date;open;high;low;close;dividend\n2021-01-04;10,0;10,0;10,0;10,0;\n"
    (tmp_path / "TST.csv").write_text(text + "2021-01-05;10,0;10,0;10,0;10,0;0,5\n")
    bars = FilesSource(str(tmp_path)).fetch("TST", *WINDOW)
    assert bars["adjustment"].to_list() == [0.95, 1.0]


def test_history_of_yfinance_is_adjusted_already(tmp_path: Path):
    header = "Date,Open,High,Low,Close,Volume,Dividends,Stock Splits"
    rows = "10,10,10,10,5,0.0,0.0", "10,10,10,10,5,0.0,4.0", "10,10,10,10,5,0.5,0.0"
    bars, basis = fetch(tmp_path, header, *rows)
    assert bars["adjustment"].to_list() == [1.0, 1.0, 1.0]
    assert basis == "already adjusted: its 'Stock Splits' left no jump"


def test_a_split_on_a_row_without_prices_is_refused(tmp_path: Path):
    with pytest.raises(BadBarsError, match=r"split '2\.0' in row 2 is not in a row with prices"):
        fetch(tmp_path, "date,open,high,low,close,split", "8,8,8,8,1", ",,,,2", "4,4,4,4,1")


def test_splits_need_dates_in_order(tmp_path: Path):
    text = "date,open,high,low,close,split\n2021-01-05,1,1,1,1,1\n2021-01-04,1,1,1,1,1\n"
    (tmp_path / "TST.csv").write_text(text + "2021-01-06,1,1,1,1,1\n")
    with pytest.raises(BadBarsError, match="its dates are not in order, and splits need that"):
        FilesSource(str(tmp_path)).fetch("TST", *WINDOW)


def test_without_an_adjustment_prices_are_as_traded(tmp_path: Path):
    _, basis = fetch(tmp_path, "date,open,high,low,close", "10,12,9,11")
    assert basis == "as traded: no adjustment found"


def test_repaired_bars_are_noted(tmp_path: Path):
    fetch(tmp_path, "date,open,high,low,close", "10,12,9,12.000001", "10,12,9,11")
    source = FilesSource(str(tmp_path))
    source.fetch("TST", *WINDOW)
    assert source.notes["TST"].repaired == 1
