"""Price files of vendors are read without being told how they are written."""

from datetime import date
from pathlib import Path

import polars as pl
import pytest

from resources.market_data.bars import BadBarsError
from resources.market_data.source import MarketDataError
from resources.market_data.sources.files import FilesSource
from tests.resources.market_data.sources.layout_rows import BARS, ROWS
from tests.resources.market_data.sources.price_layouts import LAYOUTS

WINDOW = (date(2021, 1, 1), date(2021, 12, 31))


def fetch(folder: Path, content: str | bytes, name: str = "TST.csv") -> pl.DataFrame:
    (folder / name).write_bytes(content if isinstance(content, bytes) else content.encode())
    return FilesSource(str(folder)).fetch("TST", *WINDOW)


@pytest.mark.parametrize("name", LAYOUTS)
def test_every_layout_gives_the_same_bars(tmp_path: Path, name: str):
    assert fetch(tmp_path, LAYOUTS[name]).equals(BARS)


@pytest.mark.parametrize("unit", ["s", "ms", "us", "ns", "days", "text", "stamps", "UTC"])
def test_every_type_of_dates_in_parquet_is_read(tmp_path: Path, unit: str):
    day = pl.col("date")
    dates = {
        "days": day.dt.strftime("%Y%m%d").cast(pl.Int64),
        "text": day.dt.strftime("%d.%m.%Y"),
        "stamps": day.cast(pl.Datetime("ns")) + pl.duration(hours=16),
        "UTC": day.cast(pl.Datetime("us", "UTC")) + pl.duration(hours=5),  # midnight in New York
    }
    scale = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}.get(unit, 0)
    written = dates.get(unit, day.cast(pl.Int64) * 86_400 * scale)
    BARS.with_columns(written.alias("date")).write_parquet(tmp_path / "TST.parquet")
    assert FilesSource(str(tmp_path)).fetch("TST", *WINDOW).equals(BARS)


def test_without_a_volume_all_volumes_are_zero(tmp_path: Path):
    for volume in ["-", "", "0", "N/A"]:
        text = "date,open,high,low,close,volume\n" + "".join(
            f"{d},{o},{h},{low},{c},{volume}\n" for d, o, h, low, c, _ in ROWS
        )
        assert fetch(tmp_path, text)["volume"].to_list() == [0.0] * len(ROWS)
        source = FilesSource(str(tmp_path))
        source.fetch("TST", *WINDOW)
        assert source.notes["TST"].has_volume == (volume == "0")
    without = "date,open,high,low,close\n2021-01-04,10,12,9,11\n"
    assert fetch(tmp_path, without)["volume"].to_list() == [0.0]


def test_a_volume_that_is_no_number_is_refused(tmp_path: Path):
    with pytest.raises(BadBarsError, match="volume 'abc' in row 1 is not a number"):
        fetch(tmp_path, "date,open,high,low,close,volume\n2021-01-04,10,12,9,11,abc\n")


def test_a_row_with_some_of_its_prices_is_refused(tmp_path: Path):
    header = "date,open,high,low,close,volume\n"
    with pytest.raises(BadBarsError, match="bad bar on 2021-01-04: close is missing"):
        fetch(tmp_path, header + "2021-01-04,10,12,9,null,1000\n2021-01-05,10,12,9,11,1000\n")


def test_rows_without_prices_are_counted(tmp_path: Path):
    (tmp_path / "TST.csv").write_bytes(LAYOUTS["null rows"])
    source = FilesSource(str(tmp_path))
    source.fetch("TST", *WINDOW)
    assert source.notes["TST"].dropped == 2  # the empty line at the end is none


@pytest.mark.parametrize("lines", [2, 3, 4])
def test_without_names_few_rows_are_refused(tmp_path: Path, lines: int):
    text = LAYOUTS["Kraken, no header"].decode()
    with pytest.raises(BadBarsError, match="no column 'date or datetime or timestamp'"):
        fetch(tmp_path, "".join(text.splitlines(keepends=True)[:lines]))


@pytest.mark.parametrize("newest_first", [False, True])
@pytest.mark.parametrize("order", ["ohlcv", "chlov", "average before volume"])
def test_without_names_another_order_is_refused(tmp_path: Path, order: str, *, newest_first: bool):
    lines = {
        "ohlcv": [f"{d},{o},{h},{low},{c},{v}" for d, o, h, low, c, v in ROWS],
        "chlov": [f"{d},{c},{h},{low},{o},{v}" for d, o, h, low, c, v in ROWS],
        "average before volume": [
            f"{d},{o},{h},{low},{c},{(h + low) / 2},{v}" for d, o, h, low, c, v in ROWS
        ],
    }[order]
    text = "\n".join(lines[::-1] if newest_first else lines)
    if order == "ohlcv" and not newest_first:
        assert fetch(tmp_path, text).equals(BARS)
        return
    with pytest.raises(BadBarsError, match="no column 'date"):
        fetch(tmp_path, text)


def test_a_refused_layout_is_described_in_one_line(tmp_path: Path):
    with pytest.raises(BadBarsError) as refused:
        fetch(tmp_path, "Day;First;Top;Bottom;End\n2021-01-04;1;2;0.5;1.5\n")
    assert str(refused.value) == (
        "TST: its file has no column 'date or datetime or timestamp'. Found: separator ';', "
        "columns [Day, First, Top, Bottom, End]; first row [2021-01-04, 1, 2, 0.5, 1.5]."
    )
    with pytest.raises(BadBarsError) as refused:
        fetch(tmp_path, "x" * 3000 + "\n" + "a,\x1b[31m\n" * 3)
    assert len(str(refused.value)) < 500
    assert "\x1b" not in str(refused.value)


def test_open_with_two_currencies_is_refused(tmp_path: Path):
    header = "Date,Open (USD),Open (EUR),High,Low,Close\n"
    with pytest.raises(BadBarsError, match="column 'open' is twice in its file"):
        fetch(tmp_path, header + "2021-01-04,10,9,12,9,11\n")


def test_the_symbol_is_no_part_of_other_names(tmp_path: Path):
    """Ford's symbol is F: "Flow" is not its low."""
    text = "Date,Open,High,Low,Close,Volume,Flow\n2021-01-04,10,12,9,11,1000,77\n"
    (tmp_path / "F.csv").write_text(text)
    assert FilesSource(str(tmp_path)).fetch("F", *WINDOW)["low"].to_list() == [9.0]


def test_what_is_no_text_is_refused(tmp_path: Path):
    with pytest.raises(BadBarsError, match=r"TST\.csv in .* is not readable: it is no text"):
        fetch(tmp_path, b"date,open\n\x81\x8d")
    with pytest.raises(BadBarsError, match="it has NUL characters"):
        fetch(tmp_path, b"date,open,high,low,close\n2021-01-04,1,1,1,1\0\n")
    with pytest.raises(BadBarsError, match="its first lines are no CSV"):
        fetch(tmp_path, b"date,open,high\r,low,close\n2021-01-04,1,1,1,1\n")


@pytest.mark.parametrize(
    ("content", "what"),
    [
        ("v,vw,o,c,h,l,t,n\n1,2,3,4,5,6\n", "a date is missing in row 1"),
        ("t,o,h,l,c\n16097364000000000009,1,1,1,1\n", "'16097364000000000009' in row 1 is not"),
        ("date,open,high,low,close,split\n2021-01-04,,,,,\n", "no bars from"),
        ("2021-01-04,1e999,1,1,1\n" * 9, "no column 'date"),
    ],
)
def test_a_damaged_file_is_refused_by_its_symbol(tmp_path: Path, content: str, what: str):
    with pytest.raises(MarketDataError, match=f"^TST: .*{what}"):
        fetch(tmp_path, content)
