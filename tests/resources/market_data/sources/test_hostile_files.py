"""A hostile price file is refused before it is read completely, and named."""

import bz2
import gzip
import io
import lzma
import zipfile
import zlib
from datetime import date
from pathlib import Path

import polars as pl
import pytest

from resources.market_data.bars import BadBarsError
from resources.market_data.source import MarketDataError
from resources.market_data.sources import file_reader
from resources.market_data.sources.files import FilesSource

WINDOW = (date(2021, 1, 1), date(2021, 12, 31))
CSV = b"date,open,high,low,close,volume\n2021-01-04,10,12,9,11,1000\n"


def _zipped() -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("AAPL.csv", CSV)
    return content.getvalue()


def fetch(folder: Path, content: bytes, name: str = "AAPL.csv", **columns: str) -> pl.DataFrame:
    (folder / name).write_bytes(content)
    return FilesSource(str(folder), columns).fetch("AAPL", *WINDOW)


@pytest.mark.parametrize(
    ("kind", "content"),
    [
        ("gzip", gzip.compress(CSV, mtime=0)),
        ("zlib", zlib.compress(CSV)),
        ("bzip2", bz2.compress(CSV)),
        ("xz", lzma.compress(CSV)),
        ("zip", _zipped()),
        ("zstd", b"\x28\xb5\x2f\xfd" + CSV),
    ],
)
def test_a_compressed_file_is_refused_and_not_unpacked(tmp_path: Path, kind: str, content: bytes):
    with pytest.raises(BadBarsError, match=rf"compressed \({kind}\); allowed: plain text"):
        fetch(tmp_path, content)


def test_a_file_that_is_too_large_is_refused_before_it_is_read(tmp_path: Path):
    with (tmp_path / "AAPL.csv").open("wb") as file:
        file.truncate(10 * 2**30)  # ten gigabytes, but sparse on the disk
    with pytest.raises(BadBarsError, match="it has 10,240 MiB; allowed: 64 MiB"):
        FilesSource(str(tmp_path)).fetch("AAPL", *WINDOW)


def test_a_line_without_an_end_is_refused(tmp_path: Path):
    with pytest.raises(BadBarsError, match="AAPL"):
        fetch(tmp_path, CSV + b"2021-01-05," + b"9" * 30_000_000)


@pytest.mark.parametrize("name", ["AAPL.csv", "AAPL.parquet"])
def test_too_many_rows_are_refused(tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(file_reader, "MOST_ROWS", 2)
    rows, content = pl.concat([pl.read_csv(CSV)] * 3), io.BytesIO()
    if name.endswith("parquet"):
        rows.write_parquet(content)
    else:
        rows.write_csv(content)
    with pytest.raises(BadBarsError, match="more than 2 rows"):
        fetch(tmp_path, content.getvalue(), name)


def test_only_the_columns_of_bars_are_read_from_parquet(tmp_path: Path):
    content = io.BytesIO()
    bars = pl.read_csv(CSV, try_parse_dates=True)
    bars.with_columns(other=pl.lit("x" * 1000)).write_parquet(content, compression="uncompressed")
    # Damaged in the unused column: reading that column would fail.
    damaged = content.getvalue().replace(b"x" * 1000, b"\xff" * 1000)
    assert fetch(tmp_path, damaged, "AAPL.parquet").height == 1


@pytest.mark.parametrize("cell", ["=1+1", "=cmd|' /C calc'!A1", "@SUM(1)", "+1;2"])
def test_a_formula_is_not_a_number(tmp_path: Path, cell: str):
    with pytest.raises(BadBarsError, match="is not a number"):
        fetch(tmp_path, CSV.replace(b"12,9", f'"{cell}",9'.encode()))


@pytest.mark.parametrize(
    "symbol", ["../AAPL", "/etc/passwd", "AAPL/../X", "=AAPL", "A" * 25, "A\0"]
)
def test_a_hostile_symbol_never_becomes_a_path(tmp_path: Path, symbol: str):
    (tmp_path / "in").mkdir()
    (tmp_path / "AAPL.csv").write_bytes(CSV)
    with pytest.raises(MarketDataError, match="is not a symbol"):
        FilesSource(str(tmp_path / "in")).fetch(symbol, *WINDOW)


def test_columns_are_found_by_configured_names(tmp_path: Path):
    content = CSV.replace(b"date", b"Day").replace(b"close", b"PX_LAST")
    assert fetch(tmp_path, content, date="day", close="PX_LAST")["close"].to_list() == [11.0]
    with pytest.raises(BadBarsError, match="no column 'date or datetime or timestamp'"):
        fetch(tmp_path, content, close="PX_LAST")


def test_an_unknown_column_name_is_refused_with_the_known_ones(tmp_path: Path):
    with pytest.raises(MarketDataError, match=r"no place for 'clos': .* Did you mean 'close'"):
        FilesSource(str(tmp_path), {"clos": "PX_LAST"})
