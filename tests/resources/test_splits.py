"""The user's file of splits: what is read, what is refused, and the factors of bars."""

from datetime import date
from fractions import Fraction
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from resources.splits import Splits, SplitsError, load_splits

FILE = """symbol,date,ratio
NVDA,2024-06-10,10
NVDA,2021-07-20,4
GE,2021-08-02,1/8
META,2022-02-03,1
"""


@pytest.fixture
def load(tmp_path: Path):
    def load(content: str | bytes) -> Splits:
        path = tmp_path / "splits.csv"
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return load_splits(path)

    return load


def test_lines_are_read_by_symbol_in_the_order_of_days(load):
    found = load(FILE)
    assert list(found.of("NVDA").items()) == [
        (date(2021, 7, 20), Fraction(4)),
        (date(2024, 6, 10), Fraction(10)),
    ]
    assert found.of("GE") == {date(2021, 8, 2): Fraction(1, 8)}
    assert found.of("AAPL") == {}


def test_columns_are_read_in_any_order_and_case(load):
    found = load("\ufeffRatio,note,DATE, Symbol \r\n 3 / 2 ,x,2020-02-03,A\r\n\r\n")
    assert found.of("A") == {date(2020, 2, 3): Fraction(3, 2)}


def test_no_file_and_a_header_alone_give_no_splits(load):
    assert load_splits(None) == Splits() == load("symbol,date,ratio\n")


def test_a_factor_is_the_product_of_all_later_splits(load):
    found = load(FILE)
    days = [date(2021, 7, 19), date(2021, 7, 20), date(2024, 6, 9), date(2024, 6, 10)]
    assert found.factors("NVDA", days) == [1 / 40, 1 / 10, 1 / 10, 1.0]
    assert found.factors("GE", [date(2021, 8, 1), date(2021, 8, 2)]) == [8.0, 1.0]
    assert found.factors("META", [date(2022, 2, 2), date(2022, 2, 3)]) == [1.0, 1.0]
    assert found.factors("AAPL", [date(2022, 2, 2)]) == [1.0]


@given(st.integers(0, 6), st.integers(1, 6))
def test_factors_do_not_depend_on_the_window(first: int, count: int):
    ratios = {date(2020, 1, day): Fraction(day, 3) for day in (2, 4, 7)}
    splits = Splits({"A": ratios})
    days = [date(2020, 1, day) for day in range(1, 14)]
    whole = splits.factors("A", days)
    assert splits.factors("A", days[first : first + count]) == whole[first : first + count]


def test_a_description_leaves_out_real_moves(load):
    found = load(FILE)
    assert found.describe("NVDA") == "2021-07-20 4, 2024-06-10 10"
    assert found.describe("GE") == "2021-08-02 1/8"
    assert found.describe("META") == found.describe("AAPL") == ""


RATIO = "is not what one share becomes: whole numbers up to 10000 like 20, 3/2 or 1/8, or 1 for"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "line 1: column 'symbol' is not in the header; needed are symbol, date, ratio."),
        (b"symbol,date\n", "line 1: column 'ratio' is not in the header"),
        (b"symbol,date,ratio,Date\n", "line 1: column 'date' is twice in the header"),
        (b"symbol,date,ratio\nB+C,2020-01-02,2\n", "line 2: 'B+C' is not a symbol (1 to 24"),
        (b"symbol,date,ratio\nA,2.1.2020,2\n", "line 2: date '2.1.2020' is not a date like 2021-"),
        (b"symbol,date,ratio\nA,2020-02-30,2\n", "line 2: date '2020-02-30' is not a date"),
        (b"symbol,date,ratio\nA,2020-01-02\n", f"line 2: ratio '' {RATIO}"),
        (b"symbol,date,ratio\nA,2020-01-02,0\n", f"line 2: ratio '0' {RATIO}"),
        (b"symbol,date,ratio\nA,2020-01-02,1.5\n", f"line 2: ratio '1.5' {RATIO}"),
        (b"symbol,date,ratio\nA,2020-01-02,-2\n", f"line 2: ratio '-2' {RATIO}"),
        (b"symbol,date,ratio\nA,2020-01-02,1/0\n", f"line 2: ratio '1/0' {RATIO}"),
        (b"symbol,date,ratio\nA,2020-01-02,1/2/3\n", f"line 2: ratio '1/2/3' {RATIO}"),
        (b"symbol,date,ratio\nA,2020-01-02,10001\n", f"line 2: ratio '10001' {RATIO}"),
        (b"symbol,date,ratio\nA,2020-01-02," + b"9" * 4000, "ratio '9999999999"),
        (b"symbol,date,ratio\nA,2020-01-02,2,3\n", "line 2: 4 cells, but the header has 3."),
        (
            b"symbol,date,ratio\nA,2020-01-02,2\nA,2020-01-02,3\n",
            "line 3: symbol A has 2020-01-02 twice.",
        ),
        (b"symbol,date,ratio\n\xff", "is not UTF-8 text (byte 18)."),
        (b"symbol,date,ratio\n" + b"\n" * 2**24, "is larger than 16 MiB: not a file of splits."),
    ],
)
def test_a_bad_file_is_refused_in_one_line(load, content: bytes, message: str):
    with pytest.raises(SplitsError) as refused:
        load(content)
    assert message in str(refused.value)
    assert "splits.csv" in str(refused.value)
    assert "\n" not in str(refused.value)


def test_a_missing_file_is_refused(tmp_path: Path):
    with pytest.raises(SplitsError, match="does not exist: a CSV file with a column 'symbol' is"):
        load_splits(tmp_path / "none.csv")
    with pytest.raises(SplitsError, match="is not a file"):
        load_splits(tmp_path)
