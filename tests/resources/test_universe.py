import csv
import io
import subprocess
import sys
from datetime import date
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from resources.universe import (
    Listing,
    Universe,
    UniverseError,
    from_file_stem,
    is_symbol,
    load_universe,
    to_file_stem,
)


@pytest.fixture
def universe(tmp_path: Path):
    def load(content: str | bytes):
        path = tmp_path / "universe.csv"
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return load_universe(path)

    return load


def test_symbols_keep_the_order_of_the_file(universe):
    assert universe("symbol,sector\nMSFT,Tech\nAAPL,Tech\n").symbols == ("MSFT", "AAPL")


def test_columns_are_read_in_any_order_and_case(universe):
    found = universe(
        "Listed_To,SYMBOL,note,listed_from,Sector\n"
        '2020-12-31,BRK-B,"a, b",2001-02-03,Finance\n'
        ",^GSPC,,,\n"
    )
    assert found.listings == (
        Listing("BRK-B", "Finance", date(2001, 2, 3), date(2020, 12, 31)),
        Listing("^GSPC"),
    )


@pytest.mark.parametrize(
    "content",
    [
        b"symbol,sector\r\nAAPL,Tech\r\nIBM,\r\n",
        b"\xef\xbb\xbfsymbol,sector\nAAPL,Tech\nIBM,\n",
        b"\nsymbol , sector\n\n AAPL , Tech \n,\nIBM",
    ],
    ids=["crlf", "byte order mark", "blank lines, spaces, short row"],
)
def test_csv_variants_of_spreadsheets_are_read(universe, content: bytes):
    assert universe(content).listings == (Listing("AAPL", "Tech"), Listing("IBM"))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is empty: a header with a column 'symbol' is needed."),
        (b"\n\n", "is empty: a header with a column 'symbol' is needed."),
        (b"ticker,sector\nA,B\n", "line 1: no column 'symbol' in the header (ticker, sector)."),
        (b"symbol,Symbol\nA,B\n", "line 1: column 'symbol' is twice in the header."),
        (b"symbol\n", "has a header but no symbols: add one row per symbol."),
        (b"symbol\nAAPL\xff\n", "is not UTF-8 text (byte 11)."),
        (b"symbol\nAA\0PL\n", "is not text: it has a NUL character."),
        (b"symbol\nA\nB+C\n", "line 3: 'B+C' is not a symbol (1 to 24 letters"),
        (b"symbol,sector\n,Tech\n", "line 2: '' is not a symbol (1 to 24 letters"),
        (b"symbol\nA\nB\nA\n", "line 4: symbol A is twice."),
        (b"symbol\nA\na\n", "line 3: symbol a is twice (as A; case is ignored)."),
        (b"symbol,listed_to\nA,31.12.2020\n", "listed_to '31.12.2020' is not a date like 2021-"),
        (b"symbol,listed_from\nA,2021-02-29\n", "line 2: listed_from '2021-02-29' is not a date"),
        (
            b"symbol,listed_from,listed_to\nA,2021-01-02,2021-01-01\n",
            "line 2: listed_from 2021-01-02 is after listed_to 2021-01-01.",
        ),
        (b"symbol,sector\nA,Tech,2020-01-01\n", "line 2: 3 cells, but the header has 2."),
        (b"symbol,note\nA," + b"x" * 5000, "line 2: longer than 4096 characters."),
        (b'symbol,note\nA,"' + b"x\n" * 70000, "field larger than field limit (131072)."),
        (b'symbol,note\nA,"open\n', "unexpected end of data."),
        (b"symbol\n" + b"\n" * 2**24, "is larger than 16 MiB: not a universe."),
    ],
)
def test_an_invalid_file_is_refused_with_file_and_line(
    universe, tmp_path: Path, content: bytes, message: str
):
    with pytest.raises(UniverseError) as refused:
        universe(content)
    text = str(refused.value)
    assert message in text
    assert text.startswith(str(tmp_path / "universe.csv"))
    assert "\n" not in text


def test_a_missing_file_and_a_folder_are_refused(tmp_path: Path):
    with pytest.raises(UniverseError, match=r"none\.csv does not exist: a CSV file with a column"):
        load_universe(tmp_path / "none.csv")
    with pytest.raises(
        UniverseError, match="is not a file but a folder: a CSV file with a column 'symbol'"
    ):
        load_universe(tmp_path)


@pytest.mark.parametrize(
    "symbol",
    [
        *("A", "BRK-B", "BF.B", "^GSPC", "EURUSD=X", "0700.HK", ".INX"),
        *("M&M.NS", "BTC/USDT", "BRK B", "US_10Y", "BRK/B US Equity", "1000SHIB/USDT"),
    ],
)
def test_symbols_of_common_feeds_are_allowed(symbol: str):
    assert is_symbol(symbol)


@pytest.mark.parametrize(
    "symbol",
    [
        "",
        ".",
        "..",
        "=A1",
        "-A1",
        "=CMD",
        "A...B",
        "A.",
        "../A",
        "A..B",
        "A\\B",
        "A,B",
        " A",
        "/etc/passwd",
        "A/",
        "_A",
        "A ",
        "Ä",
        "A\n",
        "-",
        "A" * 25,
    ],
)
def test_text_unsafe_in_partition_keys_or_paths_is_no_symbol(symbol: str):
    assert not is_symbol(symbol)


@settings(deadline=None)
@given(st.text(st.sampled_from("Aa0.^=-&/_ "), max_size=26), st.sampled_from(["B", ".B"]))
def test_a_range_of_two_symbols_splits_into_those_symbols(symbol: str, other: str):
    if is_symbol(symbol):
        assert f"{symbol}...{other}".split("...") == [symbol, other]


@settings(deadline=None)
@given(st.text(st.sampled_from("A2F.&/_ "), max_size=12), st.text(st.sampled_from("A2F.&/_ ")))
def test_two_symbols_have_two_file_names(symbol: str, other: str):
    if is_symbol(symbol):
        stem = to_file_stem(symbol)
        assert "/" not in stem
        assert from_file_stem(stem) == symbol
        assert (to_file_stem(other) == stem) == (other == symbol)


def test_bad_rows_are_left_out_where_that_is_wanted(tmp_path: Path):
    path = tmp_path / "universe.csv"
    path.write_text("symbol,calendar\nA,\n=B,\nC,XLON\na,\nD,XNYX\n")
    found = load_universe(path, skip_bad_rows=True)
    assert found.listings == (Listing("A"), Listing("C", calendar="XLON"))
    lines = [text.removeprefix(f"{path}, ").partition(" (1 to")[0] for text in found.refused]
    assert lines[:2] == [
        "line 3: '=B' is not a symbol",
        "line 5: symbol a is twice (as A; case is ignored).",
    ]
    assert lines[2].startswith("line 6: calendar 'XNYX' is unknown; allowed: a name of exchange_")
    with pytest.raises(UniverseError, match=r"line 3: .* 2 other .* GAUNTLET_SKIP_BAD_ROWS=1 lea"):
        load_universe(path)


def test_each_symbol_has_a_calendar(universe):
    found = universe("symbol,Calendar\nAAPL,\nVOD.L,LSE\nBTC/USDT,24/7\n")
    assert [found.calendar_of(one) for one in found.symbols] == [None, "XLON", "24/7"]
    assert found.calendars == ("XNYS", "XLON", "24/7")
    assert found.calendar_of("MSFT") is None


@settings(deadline=None)
@given(st.lists(st.from_regex(r"[A-Z]{1,15}", fullmatch=True), min_size=1, unique=True))
def test_a_file_written_by_csv_is_read(tmp_path_factory, symbols: list[str]):
    text = io.StringIO()
    csv.writer(text).writerows([["symbol"], *([symbol] for symbol in symbols)])
    path = tmp_path_factory.mktemp("universe") / "universe.csv"
    path.write_text(text.getvalue(), newline="")
    assert load_universe(path).symbols == tuple(symbols)


def test_configuration_imports_no_heavy_library():
    heavy = ["polars", "pandas", "pyarrow", "exchange_calendars", "bokeh_sampledata"]
    code = (
        "import sys; import resources.config.environment, resources.market_data.resource, "
        f"resources.price_store.store; print([name for name in {heavy} if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_a_symbol_is_listed_within_a_window_if_on_one_day(universe):
    found = universe(
        "symbol,listed_from,listed_to\nEVER,,\nFROM,2021-03-31,\nTO,,2021-01-01\n"
        "LATE,2021-04-01,\nGONE,,2020-12-31\nINSIDE,2021-02-01,2021-02-02\n"
    )
    within = found.listed_within(date(2021, 1, 1), date(2021, 3, 31))
    assert within == ("EVER", "FROM", "TO", "INSIDE")
    for symbol in found.symbols:
        if symbol in within:
            assert found.listed(symbol, date(2021, 1, 1), date(2021, 3, 31))
        else:
            with pytest.raises(UniverseError, match="on no day from 2021-01-01 to 2021-03-31"):
                found.listed(symbol, date(2021, 1, 1), date(2021, 3, 31))


@pytest.mark.parametrize(
    ("years", "left", "warned"), [(5, None, True), (4, None, False), (9, date(2022, 5, 1), False)]
)
def test_a_long_window_without_delistings_has_survivorship_bias(
    years: int, left: date | None, warned: bool
):
    universe = Universe((Listing("A"), Listing("B", listed_to=left)))
    told = universe.describe_survivorship_bias(date(2024 - years, 1, 1), date(2024, 1, 5))
    assert bool(told) is warned
    expected = "survivorship bias: none of the 2 symbols of the universe was delisted in 5 years"
    assert not told or told.startswith(expected)


def test_a_delisting_on_the_last_day_or_later_does_not_count():
    universe = Universe((Listing("A", listed_to=date(2024, 1, 5)),))
    assert universe.describe_survivorship_bias(date(2010, 1, 1), date(2024, 1, 5))
