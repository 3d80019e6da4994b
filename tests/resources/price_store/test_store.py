import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from pathlib import Path

import fsspec
import polars as pl
import pytest

from resources.market_data.bars import BadBarsError, data_version
from resources.market_data.sources.synthetic import SyntheticSource
from resources.price_store.errors import CorruptBarsError, NoStoredBarsError, PriceStoreError
from resources.price_store.store import PriceStore

BARS = SyntheticSource().fetch("AAPL", date(2021, 1, 1), date(2021, 12, 31))


@pytest.fixture(params=["folder", "memory"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[PriceStore]:
    if request.param == "folder":
        yield PriceStore(root=str(tmp_path / "prices"))
        return
    yield PriceStore(root="memory://prices")
    fs = fsspec.filesystem("memory")
    if fs.exists("/prices"):
        fs.rm("/prices", recursive=True)


@pytest.fixture
def folder(tmp_path: Path) -> PriceStore:
    return PriceStore(root=str(tmp_path))


def names_in(folder: str | Path) -> list[str]:
    """Return the names of all files but those of kept versions."""
    files = [path for path in Path(folder).rglob("*") if path.is_file()]
    return sorted(path.name for path in files if ".versions" not in path.parts)


def test_bars_read_back_as_written(store: PriceStore):
    stored = store.write("sample", "AAPL", BARS)
    assert store.read("sample", "AAPL").equals(BARS)
    assert stored.path == store.path_of("sample", "AAPL")
    assert (stored.rows, stored.outcome) == (252, "created")
    assert (stored.first, stored.last) == (date(2021, 1, 4), date(2021, 12, 31))
    assert stored.data_version == data_version(BARS)


def test_paths_have_source_and_symbol(tmp_path: Path):
    local = PriceStore(root=f"{tmp_path}/").path_of("sample", "BRK-B")
    assert local == f"{tmp_path}/sample/BRK-B.parquet"
    url = PriceStore(root="memory://prices").path_of("sample", "BRK-B")
    assert url == "memory:///prices/sample/BRK-B.parquet"


def test_a_write_returns_its_outcome(store: PriceStore):
    outcomes = [
        store.write("files", "AAPL", frame).outcome
        for frame in [BARS[50:100], BARS[60:90], BARS[90:200], BARS[:60], BARS[210:]]
    ]
    assert outcomes == ["created", "unchanged", "extended", "extended", "replaced"]
    assert store.read("files", "AAPL").equals(BARS[210:])


def test_a_write_returns_the_file_where_it_wrote_nothing(store: PriceStore):
    assert store.write("files", "AAPL", BARS).file is None
    for frame in (BARS, BARS[10:20]):
        file = store.write("files", "AAPL", frame).file
        assert file is not None
        assert file.bars.equals(store.read("files", "AAPL"))
    assert store.write("files", "AAPL", BARS[5:]).file is not None
    assert (
        store.write("files", "AAPL", BARS[:100], (BARS["date"][0], BARS["date"][-1])).file is None
    )


def test_a_narrower_window_keeps_bars_and_version(store: PriceStore):
    whole = store.write("files", "AAPL", BARS)
    narrow = store.write("files", "AAPL", BARS[10:20])
    assert (narrow.rows, narrow.data_version) == (252, whole.data_version)
    assert store.read("files", "AAPL").equals(BARS)


def test_a_revised_adjustment_replaces_what_was_stored(store: PriceStore):
    store.write("files", "AAPL", BARS)
    revised = BARS[100:].with_columns(pl.col("adjustment") * 0.5)
    assert store.write("files", "AAPL", revised).outcome == "revised"
    assert store.read("files", "AAPL").equals(revised)


def test_sources_are_separate(store: PriceStore):
    store.write("sample", "AAPL", BARS[:10])
    assert store.write("files", "AAPL", BARS[5:20]).outcome == "created"
    assert store.read("sample", "AAPL").equals(BARS[:10])
    with pytest.raises(NoStoredBarsError, match="AAPL: no bars of source 'synthetic' are stored"):
        store.read("synthetic", "AAPL")


def test_invalid_bars_never_overwrite_valid_ones(folder: PriceStore):
    path = Path(folder.write("files", "AAPL", BARS).path)
    before = (path.read_bytes(), path.stat().st_mtime_ns, path.stat().st_ino)
    for bad in [BARS.with_columns(low=-1.0), BARS.reverse(), BARS[:0], BARS.drop("open")]:
        with pytest.raises(BadBarsError, match="AAPL: "):
            folder.write("files", "AAPL", bad)
    assert (path.read_bytes(), path.stat().st_mtime_ns, path.stat().st_ino) == before
    assert names_in(folder.root) == ["AAPL.parquet"]


def test_a_load_is_inclusive_and_errors_say_what_to_do(store: PriceStore):
    with pytest.raises(NoStoredBarsError) as nothing:
        store.load("files", "AAPL", date(2021, 1, 1), date(2021, 2, 1))
    assert str(nothing.value) == (
        "AAPL: no bars of source 'files' are stored: materialize prices first."
    )
    store.write("files", "AAPL", BARS)
    window = store.load("files", "AAPL", date(2021, 1, 4), date(2021, 1, 8))
    assert window.equals(BARS[:5])
    with pytest.raises(NoStoredBarsError) as outside:
        store.load("files", "AAPL", date(2022, 1, 1), date(2022, 2, 1))
    assert str(outside.value) == (
        "AAPL: bars of source 'files' are stored for 2021-01-04 to 2021-12-31, not for "
        "2022-01-01 to 2022-02-01: materialize prices for this window first."
    )


def test_requested_days_without_bars_are_covered(store: PriceStore):
    early = BARS[:100]
    store.write("files", "AAPL", early, (date(2020, 1, 1), date(2021, 12, 31)))
    assert store.load("files", "AAPL", date(2020, 1, 1), date(2021, 12, 31)).equals(early)
    with pytest.raises(NoStoredBarsError, match="has no bars from 2021-12-01 to 2021-12-31"):
        store.load("files", "AAPL", date(2021, 12, 1), date(2021, 12, 31))


def test_coverage_grows_even_when_no_bar_is_new(store: PriceStore):
    store.write("files", "AAPL", BARS)
    wider = (date(2020, 1, 1), date(2022, 6, 30))
    assert store.write("files", "AAPL", BARS, wider).outcome == "unchanged"
    assert store.load("files", "AAPL", *wider).equals(BARS)


def test_an_earlier_window_does_not_make_later_days_known(store: PriceStore):
    known = store.write("files", "AAPL", BARS, (date(2021, 1, 1), date(2021, 12, 31))).fetched_at
    time.sleep(1.1)  # the label has whole seconds
    early = date(2020, 1, 1), date(2021, 6, 30)
    news = BARS.filter(pl.col("date") <= early[1])
    assert store.write("files", "AAPL", news, early).fetched_at == known
    assert store.read_file("files", "AAPL").label.covers == (early[0], date(2021, 12, 31))
    later = date(2021, 1, 1), date(2022, 1, 31)
    assert store.write("files", "AAPL", BARS, later).fetched_at > known


def test_withdrawn_bars_are_not_kept(store: PriceStore):
    asked = (date(2021, 1, 1), date(2021, 12, 31))
    store.write("files", "AAPL", BARS, asked)
    assert store.write("files", "AAPL", BARS[:100], asked).outcome == "revised"
    assert store.load("files", "AAPL", *asked).equals(BARS[:100])


def test_a_corrupt_file_is_named_and_a_write_replaces_it(folder: PriceStore):
    path = Path(folder.write("files", "AAPL", BARS).path)
    path.write_bytes(path.read_bytes()[:-50])
    with pytest.raises(CorruptBarsError, match=f"{path} is corrupt"):
        folder.read("files", "AAPL")
    assert folder.write("files", "AAPL", BARS[:5]).outcome == "recovered"
    assert folder.read("files", "AAPL").equals(BARS[:5])


def test_names_that_could_leave_the_root_are_refused(folder: PriceStore):
    for symbol in ["../AAPL", "/etc/passwd", ".."]:
        with pytest.raises(PriceStoreError, match="is not a symbol"):
            folder.write("files", symbol, BARS)
    with pytest.raises(PriceStoreError, match=r"'\.\.' is not the name of a source"):
        folder.read("..", "AAPL")


@pytest.mark.parametrize("failing", ["fsync", "replace"])
def test_a_failed_write_keeps_old_bars_and_no_temporary_files(
    folder: PriceStore, monkeypatch: pytest.MonkeyPatch, failing: str
):
    folder.write("files", "AAPL", BARS[:5])

    def fail(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(*{"fsync": ("os.fsync", fail), "replace": (Path, "replace", fail)}[failing])
    with pytest.raises(OSError, match="No space left"):
        folder.write("files", "AAPL", BARS)
    assert folder.read("files", "AAPL").equals(BARS[:5])
    assert names_in(folder.root) == ["AAPL.parquet"]


def test_a_failed_move_in_a_bucket_keeps_the_old_bars(monkeypatch):
    store, fs = PriceStore(root="memory://prices"), fsspec.filesystem("memory")
    store.write("files", "AAPL", BARS[:5])

    def fail(*_: object) -> None:
        raise OSError("unreachable")

    monkeypatch.setattr(fs, "cp_file", fail)
    with pytest.raises(OSError, match="unreachable"):
        store.write("files", "AAPL", BARS)
    assert store.read("files", "AAPL").equals(BARS[:5])
    assert fs.find("/prices") == ["/prices/files/AAPL.parquet"]
    fs.rm("/prices", recursive=True)


def test_concurrent_readers_and_writers_see_complete_files(folder: PriceStore):
    frames = [BARS[:100], BARS[120:]]
    folder.write("files", "AAPL", frames[0])

    def work(number: int) -> bool:
        if number % 3 == 0:
            return folder.read("files", "AAPL").height in {100, 132}
        return folder.write("files", "AAPL", frames[number % 2]).rows in {100, 132}

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(work, range(90)))
    assert names_in(folder.root) == ["AAPL.parquet"]


WRITER = """
import os, sys
from datetime import date
from resources.market_data.sources.synthetic import SyntheticSource
from resources.price_store.store import PriceStore

bars = SyntheticSource().fetch("AAPL", date(2000, 1, 1), date(2023, 12, 31))
store = PriceStore(root=sys.argv[1])
"""

WRITE_FOR_EVER = (
    WRITER
    + """
count = 0
while True:
    for symbol in ("AAPL", "MSFT"):
        store.write("files", symbol, bars[:3000] if count % 2 else bars[3000:])
    count += 1
    print(count, flush=True)
"""
)

STOP_HALFWAY = (
    WRITER
    + """
def stop(descriptor):
    print("halfway", flush=True)
    sys.stdin.read()

os.fsync = stop
store.write("files", "AAPL", bars)
"""
)


def kill_after(lines: int, code: str, folder: PriceStore) -> None:
    """Run `code`, and kill it with SIGKILL as soon as it has printed `lines` lines."""
    command = [sys.executable, "-c", code, folder.root]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as writer:
        assert writer.stdout is not None
        for _ in range(lines):
            assert writer.stdout.readline()
        writer.send_signal(signal.SIGKILL)


def test_a_killed_writer_leaves_complete_files(folder: PriceStore):
    for lines in (5, 8):
        kill_after(lines, WRITE_FOR_EVER, folder)
        for symbol in ("AAPL", "MSFT"):
            assert folder.read("files", symbol).height >= 3000
    assert folder.write("files", "AAPL", BARS).rows >= BARS.height


def test_a_writer_killed_before_the_rename_keeps_the_old_bars(folder: PriceStore):
    folder.write("files", "AAPL", BARS)
    kill_after(1, STOP_HALFWAY, folder)
    assert folder.read("files", "AAPL").equals(BARS)
    litter, kept = names_in(folder.root)
    assert (kept, litter[:6], litter[-4:]) == ("AAPL.parquet", ".AAPL.", ".tmp")


def test_the_symbols_of_a_source_are_those_with_stored_bars(store: PriceStore):
    assert store.symbols("sample") == set()
    symbols = {"AAPL", "BRK-B", "^GSPC", "BF.B", "BTC/USDT", "M&M.NS", "BRK B"}
    for symbol in symbols:
        store.write("sample", symbol, BARS)
    store.write("files", "MSFT", BARS)
    assert store.symbols("sample") == symbols
    assert store.symbols("files") == {"MSFT"}
    with pytest.raises(PriceStoreError, match="not the name of a source"):
        store.symbols("../sample")


def test_other_files_are_not_symbols(tmp_path: Path):
    store = PriceStore(root=str(tmp_path / "[odd] root"))
    store.write("sample", "AAPL", BARS)
    for name in (".MSFT.0123.tmp", "notes.txt", "..parquet", "a+b.parquet"):
        (tmp_path / "[odd] root" / "sample" / name).touch()
    assert store.symbols("sample") == {"AAPL"}
