"""What a price file writes is decided over the whole file, and refused where it stays ambiguous."""

from datetime import date
from pathlib import Path

import pytest

from resources.market_data.bars import BadBarsError
from resources.market_data.sources.files import FilesSource

WINDOW = (date(1980, 1, 1), date(2021, 12, 31))


def fetch(folder: Path, dates: list[str], separator: str = ","):
    lines = [separator.join(["date", "open", "high", "low", "close", "volume"])]
    lines += [separator.join([f'"{day}"', "10", "12", "9", "11", "1000"]) for day in dates]
    (folder / "TST.csv").write_text("\n".join(lines))
    return FilesSource(str(folder)).fetch("TST", *WINDOW)["date"].to_list()


def fetch_closes(folder: Path, closes: list[str], separator: str = ";", **last: str):
    names = ["date", "open", "high", "low", "close", *last]
    lines = [separator.join(names)]
    for n, close in enumerate(closes):
        prices = [f'"{close}"'] * 4
        lines.append(separator.join([f"2021-01-{n + 4:02}", *prices, *last.values()]))
    (folder / "TST.csv").write_text("\n".join(lines))
    return FilesSource(str(folder)).fetch("TST", *WINDOW)["close"].to_list()


# Dates


@pytest.mark.parametrize(
    ("dates", "first"),
    [
        (["12/01/2021", "13/01/2021"], date(2021, 1, 12)),
        (["01/12/2021", "01/13/2021"], date(2021, 1, 12)),
        (["12.01.2021", "13.01.2021"], date(2021, 1, 12)),
        (["12-01-2021 16:00", "13-01-2021 16:00"], date(2021, 1, 12)),
        (["01/29/21", "02/01/21"], date(2021, 1, 29)),
        (["29/01/99", "01/02/99"], date(1999, 1, 29)),
        # Month first is in order, day first is not, and the other way around.
        (["01/11/2021", "01/12/2021", "02/01/2021"], date(2021, 1, 11)),
        (["11/01/2021", "12/01/2021", "01/02/2021"], date(2021, 1, 11)),
        (["02/01/2021", "01/12/2021", "01/11/2021"], date(2021, 1, 11)),  # newest first
    ],
)
def test_day_or_month_first_is_decided_by_the_column(tmp_path: Path, dates: list[str], first: date):
    assert fetch(tmp_path, dates)[0] == first


@pytest.mark.parametrize(
    ("dates", "found"),
    [
        (["01/04/2021"], "'01/04/2021' is 2021-04-01 (day first) or 2021-01-04 (month first)"),
        (["04/04/2021", "05/04/2021"], "'05/04/2021' is 2021-04-05 (day first) or 2021-05-04"),
        (["01/04/2021", "02/04/2021", "03/04/2021"], "could be read in several ways"),
        (["05/06/07", "06/06/07"], "2005-06-07 (year first)"),
        (
            ["13/01/2021", "01/14/2021"],
            "no order of day and month fits all dates: '13/01/2021' and",
        ),
        (["31/02/2021", "01/03/2021"], "no order of day and month fits all dates: '31/02/2021'"),
    ],
)
def test_dates_with_two_readings_are_refused(tmp_path: Path, dates: list[str], found: str):
    with pytest.raises(BadBarsError) as refused:
        fetch(tmp_path, dates)
    assert found in str(refused.value)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    ("second", "what"),
    [
        ("2021-01-05", "a date like 04-Jan-2021"),
        ("5 Foo 2021", "a date like 04-Jan-2021"),
        ("30 Feb 2021", "a date like 04-Jan-2021"),
        ("", "a date is missing in row 2"),
    ],
)
def test_a_date_that_is_written_otherwise_is_refused(tmp_path: Path, second: str, what: str):
    with pytest.raises(BadBarsError, match=what):
        fetch(tmp_path, ["4 January 2021", second])


def test_row_numbers_count_rows_without_prices(tmp_path: Path):
    text = "date,open,high,low,close\n2021-01-04,,,,\n2021-01-05,1,1,1,1\nsoon,1,1,1,1\n"
    (tmp_path / "TST.csv").write_text(text)
    with pytest.raises(BadBarsError, match="date 'soon' in row 3 is not a date like 2021-01-04"):
        FilesSource(str(tmp_path)).fetch("TST", *WINDOW)


@pytest.mark.parametrize("number", ["44200", "0", "1", "2021", "20211301"])
def test_numbers_that_are_no_dates_are_refused(tmp_path: Path, number: str):
    with pytest.raises(BadBarsError, match=f"date '?{number}'? in row 1 is not a date like"):
        fetch(tmp_path, [number])


# Numbers


@pytest.mark.parametrize(
    ("closes", "values"),
    [
        (["1,234", "987"], [1234.0, 987.0]),
        (["1,234", "1,234.5"], [1234.0, 1234.5]),
        (["1,234", "0,985"], [1.234, 0.985]),
        (["1,234", "1,25"], [1.234, 1.25]),
        (["1,234,567", "1,234"], [1234567.0, 1234.0]),
        (["12,34,567.50", "1,234"], [1234567.5, 1234.0]),
        (["1.234.567", "1.234"], [1234567.0, 1234.0]),
        (["1.234,5", "1.234"], [1234.5, 1234.0]),
        (["12345,678", "1.234"], [12345.678, 1234.0]),
        (["1.234", "12.345"], [1.234, 12.345]),
        (["985", "1.002", "1.002.000"], [985.0, 1002.0, 1002000.0]),
        (["985", "1.002", "1.5"], [985.0, 1.002, 1.5]),
        (["1 234,5", "1\u202f234"], [1234.5, 1234.0]),
        (["1'234.5", "1\u2019234"], [1234.5, 1234.0]),
        (["$1.5", "€ 2", "3 £"], [1.5, 2.0, 3.0]),
        (["1.5K", "2 M", "0.1b"], [1500.0, 2e6, 1e8]),
        (["1.5E3", "1,234.5"], [1500.0, 1234.5]),
    ],
)
def test_the_decimal_mark_is_decided_by_the_prices(
    tmp_path: Path, closes: list[str], values: list[float]
):
    assert fetch_closes(tmp_path, closes) == values


def test_commas_between_commas_separate_thousands(tmp_path: Path):
    assert fetch_closes(tmp_path, ["1,234", "1,250"], ",") == [1234.0, 1250.0]


def test_other_columns_decide_what_prices_leave_open(tmp_path: Path):
    assert fetch_closes(tmp_path, ["1,234"], change="0,12%") == [1.234]
    assert fetch_closes(tmp_path, ["1,234"], change="0.12%") == [1234.0]
    assert fetch_closes(tmp_path, ["1.234"], volume="1,38M") == [1234.0]
    assert fetch_closes(tmp_path, ["1.234"], change="0,12%") == [1234.0]


def test_codes_in_other_columns_decide_nothing(tmp_path: Path):
    with pytest.raises(BadBarsError, match="could be read in two ways"):
        fetch_closes(tmp_path, ["1,234"], conditions="12,37")


def test_between_commas_dotted_dates_leave_it_open(tmp_path: Path):
    row = '13.01.2021,"101,234","101,234","101,234","101,234"\n'
    (tmp_path / "TST.csv").write_text("Datum,Eröffn.,Hoch,Tief,Zuletzt\n" + row)
    with pytest.raises(BadBarsError, match=r"'101,234' is 101234 or 101\.234, and no other cell"):
        FilesSource(str(tmp_path)).fetch("TST", *WINDOW)


@pytest.mark.parametrize(
    ("closes", "found"),
    [
        (["1,234", "1,250"], "'1,234' is 1234 or 1.234, and no other cell decides it"),
        (["1,234", "1.250"], "in '1,234' and '1.250' either mark may be the decimal one"),
        (["985", "1.002"], "'1.002' is 1.002 or 1002, and the prices differ by a factor of 100"),
        (["1,5", "1.5"], "two decimal marks: a point in '1.5', a comma in '1,5'"),
        (["1.234,5", "1,234.5"], "two decimal marks"),
        (["1,234.5", "12,34.5"], "open '12,34.5' in row 2 is not a number"),
        (["1.5", "1 2"], "'1 2' in row 2 is not a number"),
        (["1.5", "1.5X"], "'1.5X' in row 2 is not a number"),
        (["1.5", "0x12"], "'0x12' in row 2 is not a number"),
        (["1.5", "1.5.2021"], "'1.5.2021' in row 2 is not a number"),
        (["1.5", "--5"], "'--5' in row 2 is not a number"),
        (["1.5", "$$5"], "'$$5' in row 2 is not a number"),
    ],
)
def test_numbers_with_two_readings_are_refused(tmp_path: Path, closes: list[str], found: str):
    with pytest.raises(BadBarsError) as refused:
        fetch_closes(tmp_path, closes)
    assert found in str(refused.value)
    assert "separator ';', columns [date, open, high, low, close]" in str(refused.value)


def test_the_volume_follows_the_mark_of_the_prices(tmp_path: Path):
    with pytest.raises(BadBarsError, match="volume '1,38M' in row 1 is not a number"):
        fetch_closes(tmp_path, ["1.25"], volume="1,38M")
