from collections.abc import Iterator
from datetime import date, datetime
from pathlib import Path

import fsspec
import polars as pl
import pytest

from resources.market_data.bars import BadBarsError
from resources.market_data.source import MarketDataError, NoBarsError, UnknownSymbolError
from resources.market_data.sources.files import FilesSource

WINDOW = (date(2021, 1, 1), date(2021, 12, 31))
HEADER = "date,open,high,low,close,volume\n"
FIRST = "2021-01-04,10,12,9,11,1000\n"
SECOND = "2021-01-05,11,13,10,12,2000\n"
ROW = (date(2021, 1, 4), 10.0, 12.0, 9.0, 11.0, 1000.0, 1.0)


def fetch(folder: Path, content: str | bytes | None = None, name: str = "AAPL.csv"):
    if content is not None:
        (folder / name).write_bytes(content.encode() if isinstance(content, str) else content)
    return FilesSource(str(folder)).fetch("AAPL", *WINDOW)


def test_a_csv_file_is_read_with_factor_one(tmp_path: Path):
    assert fetch(tmp_path, HEADER + FIRST + SECOND).row(0) == ROW


@pytest.mark.parametrize(
    "content",
    [
        "\ufeffDate,OPEN,High,Low,Close,Volume,Comment\n2021-01-04,10,12,9,11,1000,hello\n",
        "volume,close,low,high,open,Timestamp\r\n1e3, 11 ,9,12,10,2021-01-04T00:00:00-05:00\r\n",
        HEADER.replace("date", "datetime") + FIRST.replace("-04", "-04 16:00:00"),
    ],
    ids=["byte order mark, case, extra column", "crlf, order, offset", "time of day"],
)
def test_csv_variants_of_vendors_are_read(tmp_path: Path, content: str):
    assert fetch(tmp_path, content).row(0) == ROW


@pytest.mark.parametrize(
    "name",
    [
        *("Adj Close", "adj_close", "Adjusted_Close", "ADJUSTED CLOSE", "adjustment"),
        *("adjClose", "adjclose", "AdjClose", "Adj. Close", "Adj Close*", "Adjusted", "adj-close"),
        "CloseAdj",
    ],
)
def test_an_adjusted_close_becomes_the_factor(tmp_path: Path, name: str):
    value = "0.5" if name == "adjustment" else "5.5"
    content = HEADER.strip() + f",{name}\n" + FIRST.strip() + f",{value}\n"
    assert fetch(tmp_path, content)["adjustment"].to_list() == [0.5]


@pytest.mark.parametrize(
    "day",
    [
        date(2021, 1, 4),
        datetime(2021, 1, 4),  # noqa: DTZ001
        "2021-01-04",
    ],
)
def test_parquet_is_read_with_any_type_of_dates(tmp_path: Path, day: object):
    names = ["Date", "open", "high", "low", "close", "volume"]
    table = pl.DataFrame([[day], [10], [12], [9], [11], [1000]], schema=names)
    table.write_parquet(tmp_path / "AAPL.parquet")
    assert fetch(tmp_path).row(0) == ROW


def test_a_day_of_new_york_stays_that_day(tmp_path: Path):
    table = pl.read_csv((HEADER + FIRST).encode(), try_parse_dates=True)
    midnight = pl.col("date").cast(pl.Datetime).dt.replace_time_zone("America/New_York")
    table.with_columns(midnight).write_parquet(tmp_path / "AAPL.parquet")
    assert fetch(tmp_path).row(0) == ROW


@pytest.fixture
def bucket() -> Iterator[str]:
    fs = fsspec.filesystem("memory")
    fs.pipe_file("/bucket/AAPL.csv", (HEADER + FIRST).encode())
    yield "memory://bucket"
    fs.rm("/bucket", recursive=True)


def test_any_file_system_of_fsspec_is_read(bucket: str):
    assert FilesSource(bucket).fetch("AAPL", *WINDOW).row(0) == ROW


def test_only_bars_of_the_window_are_validated_and_returned(tmp_path: Path):
    outside = "2020-12-31,-1,0,0,0,0\n"
    assert fetch(tmp_path, HEADER + outside + FIRST).height == 1
    with pytest.raises(NoBarsError, match=r"no bars from 2021-01-01 .* \(it has 2020-12-31 to"):
        fetch(tmp_path, HEADER + outside)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "AAPL: AAPL.csv in {folder} is not readable: empty CSV."),
        (HEADER + FIRST.strip() + ",1,2\n", "AAPL: AAPL.csv in {folder} is not readable: found"),
        (HEADER, "AAPL: source 'files' has no bars from 2021-01-01 to 2021-12-31 (it has none at"),
        ("date,open,high,low\n", "AAPL: its file has no column 'close'."),
        ("day,open\n", "AAPL: its file has no column 'date or datetime or timestamp'."),
        (HEADER.strip() + ",Close\n", "AAPL: column 'close' is twice in its file."),
        (HEADER + FIRST + "01/05/2021,1,1,1,1,1\n", "AAPL: date '01/05/2021' in row 2 is not a"),
        (HEADER + "2021-02-30,1,1,1,1,1\n", "AAPL: date '2021-02-30' in row 1 is not a date like"),
        (HEADER + "2021-01-04,10,12,9,1x,1\n", "AAPL: close '1x' in row 1 is not a number."),
        (HEADER + "2021-01-04,10,12,9,,1\n", "AAPL: bad bar on 2021-01-04: close is missing, NaN"),
        (HEADER + "2021-01-04,10,12,9,nan,1\n", "AAPL: bad bar on 2021-01-04: close is missing"),
        (HEADER + FIRST + FIRST, "AAPL: bad bar on 2021-01-04: dates are not unique."),
        (
            HEADER + FIRST + SECOND + FIRST,
            "AAPL: bad bar on 2021-01-04: dates are not ascending.",
        ),
    ],
)
def test_a_bad_file_is_refused_by_symbol(tmp_path: Path, content: str, message: str):
    with pytest.raises((BadBarsError, NoBarsError)) as refused:
        fetch(tmp_path, content)
    text = str(refused.value)
    assert message.format(folder=tmp_path) in text
    assert "\n" not in text


def test_a_row_without_a_date_is_refused(tmp_path: Path):
    with pytest.raises(BadBarsError, match="AAPL: a date is missing in row 2"):
        fetch(tmp_path, HEADER + FIRST + ",1,1,1,1,1\n")


def test_invalid_parquet_files_are_refused(tmp_path: Path):
    with pytest.raises(BadBarsError, match=r"AAPL: AAPL\.parquet in .* is not readable"):
        fetch(tmp_path, b"garbage", name="AAPL.parquet")
    table = pl.read_csv((HEADER + FIRST).encode())
    for column, value, message in [
        ("date", 44200, "AAPL: date 44200 in row 1 is not a date like 2021-01-04 or 20210104, or"),
        ("date", True, "AAPL: its dates are Boolean, and must be dates or text"),
        ("close", [1.0], "is not readable: its column 'close' is of lists; allowed: one value"),
    ]:
        table.with_columns(pl.lit(value).alias(column)).write_parquet(tmp_path / "AAPL.parquet")
        with pytest.raises(BadBarsError, match=message):
            fetch(tmp_path)


def test_an_error_for_a_missing_file_names_the_searched_paths(tmp_path: Path):
    with pytest.raises(UnknownSymbolError) as refused:
        fetch(tmp_path)
    assert str(refused.value) == (f"AAPL: no file; {tmp_path} has no AAPL.csv and no AAPL.parquet.")


def test_two_files_of_one_symbol_are_refused(tmp_path: Path):
    (tmp_path / "AAPL.parquet").touch()
    with pytest.raises(MarketDataError, match=r"has both AAPL\.csv and AAPL\.parquet; keep one"):
        fetch(tmp_path, HEADER + FIRST)


def test_a_symbol_cannot_leave_the_folder(tmp_path: Path):
    (tmp_path / "secret.csv").write_text(HEADER + FIRST)
    (tmp_path / "prices").mkdir()
    source = FilesSource(str(tmp_path / "prices"))
    for symbol in ["../secret", str(tmp_path / "secret"), "..\\secret", "*", "memory://x"]:
        with pytest.raises(UnknownSymbolError, match="is not a symbol"):
            source.fetch(symbol, *WINDOW)


def test_an_invalid_folder_is_refused_when_opened(tmp_path: Path):
    (tmp_path / "file").touch()
    for prices in [tmp_path / "none", tmp_path / "file"]:
        with pytest.raises(MarketDataError, match=f"Folder {prices} does not exist: source 'files"):
            FilesSource(str(prices))
    with pytest.raises(MarketDataError, match="Folder nope://x cannot be opened: Protocol not"):
        FilesSource("nope://x")


def test_a_password_in_the_url_is_not_in_the_error():
    with pytest.raises(MarketDataError) as refused:
        FilesSource("nope://user:hunter2@host/x")
    assert "nope://***@host/x" in str(refused.value)
    assert "hunter2" not in str(refused.value)


NO_FRACTION = "half_spread is no fraction of the price, from 0 to below 0.5: 0.0005 is 0.05 %"


def test_half_spreads_are_read_where_a_file_has_them(tmp_path: Path):
    wide = f"{HEADER.strip()},Half-Spread\n{FIRST.strip()},0.0002\n{SECOND.strip()},0\n"
    assert fetch(tmp_path, wide)["half_spread"].to_list() == [0.0002, 0.0]
    mapped = FilesSource(str(tmp_path), {"half_spread": "HSPR"})
    (tmp_path / "AAPL.csv").write_text(wide.replace("Half-Spread", "HSPR"))
    assert mapped.fetch("AAPL", *WINDOW)["half_spread"].to_list() == [0.0002, 0.0]


def test_half_spreads_of_parquet_are_read(tmp_path: Path):
    table = pl.read_csv((HEADER + FIRST).encode()).with_columns(half_spread=0.001)
    table.write_parquet(tmp_path / "AAPL.parquet")
    assert fetch(tmp_path).row(0) == (*ROW, 0.001)


def test_half_spreads_that_are_all_empty_are_none(tmp_path: Path):
    content = f"{HEADER.strip()},half_spread\n{FIRST.strip()},\n"
    assert "half_spread" not in fetch(tmp_path, content).columns


@pytest.mark.parametrize(
    ("cell", "wrong"),
    [
        ("", "half_spread is missing, NaN or infinite."),
        ("inf", "half_spread is missing, NaN or infinite."),
        ("-0.01", f"{NO_FRACTION} (-0.01)."),
        ("0.5", f"{NO_FRACTION} (0.5)."),
        ("5", f"{NO_FRACTION} (5.0)."),
    ],
)
def test_a_bad_half_spread_is_refused_by_file_and_day(tmp_path: Path, cell: str, wrong: str):
    content = f"{HEADER.strip()},half_spread\n{FIRST.strip()},0.01\n{SECOND.strip()},{cell}\n"
    with pytest.raises(BadBarsError) as refused:
        fetch(tmp_path, content)
    way_out = (
        "Correct the cell, or rename or remove the column 'half_spread' if costs do not use it."
    )
    expected = f"AAPL: bad bar on 2021-01-05: {wrong} {way_out} It is in AAPL.csv of {tmp_path}."
    assert str(refused.value) == expected
    (tmp_path / "AAPL.csv").write_text(content.replace("half_spread", "unused"))
    assert fetch(tmp_path).height == 2
