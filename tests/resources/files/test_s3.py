"""Prices and backtests in a bucket, over the S3 protocol, against moto's server on loopback."""

from datetime import date
from typing import Any

import polars as pl
import pytest
import s3fs

from resources.market_data.bars import data_version
from resources.market_data.sources.synthetic import SyntheticSource
from resources.price_store.errors import CorruptBarsError, NoStoredBarsError
from resources.price_store.history_loader import LoadedHistory, load_histories
from resources.price_store.parquet import encode
from resources.price_store.spans import HistorySpec
from resources.price_store.store import PriceStore
from resources.price_store.stored_file import make_label
from resources.run_artifacts.backtest_files import BacktestFiles
from resources.run_artifacts.stored_backtests import TABLES
from tests.project import SYMBOLS, Project
from tests.resources.batches import Provenance, tables_of

BARS = SyntheticSource().fetch("AAPL", date(2021, 1, 1), date(2021, 12, 31))
DAYS = (BARS["date"][0], BARS["date"][-1])


def _another_process() -> s3fs.S3FileSystem:
    """Return a file system that shares no cache with the one under test."""
    return s3fs.S3FileSystem(skip_instance_cache=True)


def _file(symbol: str) -> bytes:
    return encode(BARS, make_label("files", symbol, BARS, DAYS))


def test_bars_are_written_read_extended_and_listed(bucket: str):
    store = PriceStore(root=f"{bucket}/prices")
    assert store.symbols("files") == set()
    assert store.write("files", "AAPL", BARS[:100]).outcome == "created"
    assert store.write("files", "AAPL", BARS[50:]).outcome == "extended"
    stored = store.write("files", "BRK-B", BARS[:9])
    assert stored.path == f"{bucket}/prices/files/BRK-B.parquet"
    assert store.read("files", "AAPL").equals(BARS)
    assert store.symbols("files") == {"AAPL", "BRK-B"}
    with pytest.raises(NoStoredBarsError, match="MSFT: no bars of source 'files' are stored"):
        store.read("files", "MSFT")


def test_a_write_leaves_one_object_and_no_temporary_ones(bucket: str):
    store = PriceStore(root=f"{bucket}/prices")
    store.write("files", "AAPL", BARS)
    found = _another_process().find(f"{bucket}/prices")
    assert [path.rpartition("/")[2] for path in found] == ["AAPL.parquet"]


def test_files_of_another_process_are_seen(bucket: str):
    store = PriceStore(root=f"{bucket}/prices")
    store.write("files", "AAPL", BARS)
    assert store.symbols("files") == {"AAPL"}
    other = _another_process()
    path = f"{bucket}/prices/files"
    other.cp_file(f"{path}/AAPL.parquet", f"{path}/MSFT.parquet")
    assert store.symbols("files") == {"AAPL", "MSFT"}
    other.pipe_file(f"{path}/AAPL.parquet", b"garbage")
    with pytest.raises(CorruptBarsError, match=r"AAPL\.parquet is corrupt"):
        store.read("files", "AAPL")


def test_a_cached_listing_hides_no_files_of_another_process(bucket: str):
    """Otherwise a write would not merge with the bars of the other process, and lose them."""
    store = PriceStore(root=f"{bucket}/prices")
    store.write("files", "AAPL", BARS)
    assert store.symbols("files") == {"AAPL"}
    files = f"{bucket}/prices/files"
    for symbol in ("MSFT", "IBM"):
        _another_process().pipe_file(f"{files}/{symbol}.parquet", _file(symbol))
    assert store.read("files", "MSFT").equals(BARS)
    store.symbols("files")
    _another_process().rm_file(f"{files}/IBM.parquet")
    with pytest.raises(NoStoredBarsError):
        store.read("files", "IBM")
    _another_process().pipe_file(f"{files}/IBM.parquet", _file("IBM"))
    assert store.write("files", "IBM", BARS[50:60], DAYS).outcome == "revised"
    assert store.load("files", "IBM", *DAYS, data_version(BARS)).equals(BARS)


def test_parts_of_another_process_are_seen(bucket: str):
    files = BacktestFiles(root=f"{bucket}/backtests")
    files.write("run", 0, tables_of([], Provenance("run", "files", 365, {}, {})))
    assert files.parts("run") == [0]
    folder = f"{bucket}/backtests/run"
    # Of no results there are no trades and no curves.
    for name in ("results-{}.parquet", "manifest-{}.json"):
        data = _another_process().cat_file(f"{folder}/{name.format('00000')}")
        _another_process().pipe_file(f"{folder}/{name.format('00001')}", data)
    assert files.read_part("run", 1).results.is_empty()
    assert files.parts("run") == [0, 1]


def test_revisions_are_kept_and_corrupt_files_quarantined(bucket: str):
    store = PriceStore(root=f"{bucket}/prices")
    store.write("files", "AAPL", BARS)
    revised = BARS.with_columns(volume=pl.col("volume") * 2)
    assert store.write("files", "AAPL", revised).outcome == "revised"
    (revision,) = store.revisions("files", "AAPL")
    assert revision.data_version == data_version(BARS)
    kept = f"{bucket}/prices/files/.versions/AAPL/{data_version(BARS)}.parquet"
    assert revision.path == kept
    assert store.load("files", "AAPL", *DAYS, data_version(BARS)).equals(BARS)
    other = _another_process()
    other.pipe_file(f"{bucket}/prices/files/AAPL.parquet", b"garbage")
    healed = store.write("files", "AAPL", BARS)
    assert healed.outcome == "recovered"
    assert healed.quarantined is not None
    assert healed.quarantined.startswith(f"{bucket}/prices/files/.quarantine/AAPL.")
    assert other.cat_file(healed.quarantined) == b"garbage"
    assert store.read("files", "AAPL").equals(BARS)


def test_many_symbols_are_loaded_and_bad_ones_fail_alone(bucket: str):
    store = PriceStore(root=f"{bucket}/prices")
    symbols = [f"S{number:02}" for number in range(70)]
    for symbol in symbols:
        store.write("files", symbol, BARS)
    _another_process().pipe_file(f"{bucket}/prices/files/S05.parquet", b"garbage")
    _another_process().rm_file(f"{bucket}/prices/files/S06.parquet")
    loaded = dict(
        load_histories(store, "files", [HistorySpec(symbol, *DAYS) for symbol in symbols])
    )
    assert list(loaded) == symbols
    assert isinstance(loaded["S05"], CorruptBarsError)
    assert isinstance(loaded["S06"], NoStoredBarsError)
    good = [one for one in loaded.values() if isinstance(one, LoadedHistory)]
    assert len(good) == 68
    assert {one.data_version for one in good} == {data_version(BARS)}


def test_files_of_a_batch_are_fetched_concurrently(bucket: str, monkeypatch: pytest.MonkeyPatch):
    store = PriceStore(root=f"{bucket}/prices")
    symbols = [f"S{number:02}" for number in range(20)]
    for symbol in symbols:
        store.write("files", symbol, BARS[:5])
    under_way, most, cat_file = 0, 0, s3fs.S3FileSystem._cat_file

    async def counted(self: s3fs.S3FileSystem, *args: Any, **kwargs: Any) -> bytes:
        nonlocal under_way, most
        under_way += 1
        most = max(most, under_way)
        try:
            return await cat_file(self, *args, **kwargs)
        finally:
            under_way -= 1

    monkeypatch.setattr(s3fs.S3FileSystem, "_cat_file", counted)
    wanted = [HistorySpec(symbol, BARS["date"][0], BARS["date"][4]) for symbol in symbols]
    loaded = dict(load_histories(store, "files", wanted))
    assert all(isinstance(one, LoadedHistory) for one in loaded.values())
    assert most == len(symbols)


def test_a_run_stores_prices_and_backtests_in_the_bucket(bucket: str, project: Project):
    definitions = project.definitions(
        price_store=PriceStore(root=f"{bucket}/prices"),
        backtest_files=BacktestFiles(root=f"{bucket}/backtests"),
    )
    result = project.run((SYMBOLS[0], SYMBOLS[2]), definitions=definitions)
    assert result.success, project.why(result)
    assert project.materialized("backtest_summaries") == set(SYMBOLS[:3])
    names = {path.rpartition("/")[2] for path in _another_process().find(bucket)}
    assert names == {
        *(f"{symbol}.parquet" for symbol in SYMBOLS[:3]),
        *(f"{table}-00000.parquet" for table in TABLES),
        "manifest-00000.json",
    }
