"""Stored bars are never lost: superseded ones are kept and loadable, corrupt files moved."""

import signal
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import fsspec
import polars as pl
import pytest

from resources.market_data.bars import data_version
from resources.market_data.sources.synthetic import SyntheticSource
from resources.price_store.errors import CorruptBarsError, NoStoredBarsError
from resources.price_store.store import PriceStore

BARS = SyntheticSource().fetch("AAPL", date(2021, 1, 1), date(2021, 12, 31))
ASKED = (date(2021, 1, 1), date(2021, 12, 31))


def _changed(bars: pl.DataFrame, first: int, count: int, factor: float = 1.5) -> pl.DataFrame:
    """Return bars with other volumes on `count` days."""
    place = pl.int_range(pl.len())
    other = (place >= first) & (place < first + count)
    return bars.with_columns(volume=pl.col("volume") * pl.when(other).then(factor).otherwise(1.0))


@pytest.fixture(params=["folder", "memory"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[PriceStore]:
    if request.param == "folder":
        yield PriceStore(root=str(tmp_path / "prices"))
        return
    yield PriceStore(root="memory://prices")
    fs = fsspec.filesystem("memory")
    if fs.exists("/prices"):
        fs.rm("/prices", recursive=True)


def test_a_revision_is_recorded_and_the_old_bars_are_kept(store: PriceStore):
    old = store.write("files", "AAPL", BARS)
    new = store.write("files", "AAPL", _changed(BARS, 30, 5))
    assert new.outcome == "revised"
    assert new.revision is not None
    assert store.revisions("files", "AAPL") == [new.revision]
    assert new.revision.data_version == old.data_version
    assert new.revision.replaced_by == new.data_version
    assert new.revision.first_changed == BARS["date"][30]
    assert new.revision.changed_bars == 5
    assert new.revision.path.endswith(f"/files/.versions/AAPL/{old.data_version}.parquet")
    assert timedelta() <= datetime.now(UTC) - new.revision.replaced_at < timedelta(minutes=5)
    assert store.read("files", "AAPL").equals(_changed(BARS, 30, 5))


def test_extended_or_unchanged_bars_are_not_a_revision(store: PriceStore):
    for bars in (BARS[:100], BARS[50:200], BARS[60:80]):
        assert store.write("files", "AAPL", bars).revision is None
    assert store.revisions("files", "AAPL") == []
    assert store.symbols("files") == {"AAPL"}


def test_bars_superseded_without_a_shared_day_are_kept(store: PriceStore):
    store.write("files", "AAPL", BARS[:50])
    new = store.write("files", "AAPL", BARS[60:])
    assert (new.outcome, new.revision and new.revision.changed_bars) == ("replaced", 50)


def test_revisions_are_listed_oldest_first_and_loadable(store: PriceStore):
    versions = [BARS, *(_changed(BARS, 10 * n, 3, 1.0 + n) for n in range(1, 8))]
    for bars in versions:
        store.write("files", "AAPL", bars)
    listed = [one.data_version for one in store.revisions("files", "AAPL")]
    assert listed == [data_version(bars) for bars in versions[:-1]]
    for bars in versions:
        first, last = BARS["date"][5], BARS["date"][200]
        window = bars.filter(pl.col("date").is_between(first, last))
        found = store.load("files", "AAPL", first, last, data_version(window))
        assert found.equals(window)
    with pytest.raises(NoStoredBarsError, match="have the data version 00000000"):
        store.load("files", "AAPL", *ASKED, "0" * 8)


def test_a_restored_version_is_current_and_not_a_revision(store: PriceStore):
    store.write("files", "AAPL", BARS)
    store.write("files", "AAPL", _changed(BARS, 30, 5))
    store.write("files", "AAPL", BARS)
    (only,) = store.revisions("files", "AAPL")
    assert only.data_version == data_version(_changed(BARS, 30, 5))


# Stops after it has kept the old bars and before it replaces them.
REVISE_AND_STOP = """
import sys
from datetime import date
import polars as pl
import resources.price_store.store
from resources.market_data.sources.synthetic import SyntheticSource

def stop(*_):
    print("kept", flush=True)
    sys.stdin.read()

resources.price_store.stored_prices.write_whole = stop
bars = SyntheticSource().fetch("AAPL", date(2021, 1, 1), date(2021, 12, 31))
store = resources.price_store.store.PriceStore(root=sys.argv[1])
store.write("files", "AAPL", bars.with_columns(volume=pl.col("volume") * 2))
"""


def test_a_writer_killed_before_replacing_changes_nothing(tmp_path: Path):
    store = PriceStore(root=str(tmp_path))
    old = store.write("files", "AAPL", BARS)
    command = [sys.executable, "-c", REVISE_AND_STOP, store.root]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as writer:
        assert writer.stdout is not None
        assert writer.stdout.readline() == "kept\n"
        writer.send_signal(signal.SIGKILL)
    assert (tmp_path / "files" / ".versions" / "AAPL" / f"{old.data_version}.parquet").exists()
    assert store.read("files", "AAPL").equals(BARS)
    assert store.revisions("files", "AAPL") == []
    assert store.write("files", "AAPL", _changed(BARS, 30, 5)).outcome == "revised"
    assert len(store.revisions("files", "AAPL")) == 1


def test_a_corrupt_superseded_file_is_named_and_others_load(store: PriceStore):
    versions = [BARS, _changed(BARS, 30, 5), _changed(BARS, 60, 5)]
    for bars in versions:
        store.write("files", "AAPL", bars)
    broken, _ = store.revisions("files", "AAPL")
    fs, path = fsspec.url_to_fs(broken.path)
    fs.pipe_file(path, b"garbage")
    with pytest.raises(CorruptBarsError) as named:
        store.revisions("files", "AAPL")
    assert str(named.value).startswith(f"{broken.path} is corrupt (parquet: File out of spec")
    assert str(named.value).endswith("nothing else needs it; move it away to go on.")
    for bars in versions[1:]:
        assert store.load("files", "AAPL", *ASKED, data_version(bars)).equals(bars)
    with pytest.raises(NoStoredBarsError) as lost:
        store.load("files", "AAPL", *ASKED, data_version(BARS))
    assert str(lost.value).endswith(f". Corrupt, and not searched: {broken.path}.")
    fs.rm_file(path)
    assert len(store.revisions("files", "AAPL")) == 1


def test_a_corrupt_file_is_quarantined_and_replaced(tmp_path: Path):
    store = PriceStore(root=str(tmp_path))
    store.write("files", "AAPL", BARS)
    store.write("files", "AAPL", _changed(BARS, 30, 5))
    path = Path(store.path_of("files", "AAPL"))
    broken = path.read_bytes()[:-50]
    path.write_bytes(broken)
    healed = store.write("files", "AAPL", BARS[:5])
    assert healed.outcome == "recovered"
    assert healed.quarantined is not None
    assert Path(healed.quarantined).parent == path.parent / ".quarantine"
    assert Path(healed.quarantined).read_bytes() == broken
    assert store.read("files", "AAPL").equals(BARS[:5])
    # The superseded bars are still stored and listed.
    assert [one.data_version for one in store.revisions("files", "AAPL")] == [data_version(BARS)]
    assert store.load("files", "AAPL", *ASKED, data_version(BARS)).equals(BARS)
    assert store.symbols("files") == {"AAPL"}


def test_a_file_of_another_symbol_is_refused(tmp_path: Path):
    store = PriceStore(root=str(tmp_path))
    store.write("files", "AAPL", BARS)
    copied = Path(store.path_of("files", "MSFT"))
    copied.write_bytes(Path(store.path_of("files", "AAPL")).read_bytes())
    with pytest.raises(Exception, match="it holds AAPL of source 'files'"):
        store.read("files", "MSFT")
    assert store.write("files", "MSFT", BARS[:9]).outcome == "recovered"
