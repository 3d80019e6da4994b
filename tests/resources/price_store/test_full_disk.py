"""A disk that is full while prices are written: stored bars stay, temporary files do not."""

import errno
import os
import subprocess
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import polars as pl
import pytest

from resources.market_data.sources.synthetic import SyntheticSource
from resources.price_store.store import PriceStore
from tests.project import FEW_ASSETS, SYMBOLS, Project

BARS = SyntheticSource().fetch("AAPL", date(2000, 1, 3), date(2023, 12, 31))


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """Lend a disk of 256 KB."""
    folder = tmp_path / "small"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", str(folder)]
    if os.geteuid() != 0 or subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("a small disk can be mounted by root only")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


def _files(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


@pytest.mark.parametrize("fetched", ["more", "revised"])
def test_a_full_disk_keeps_the_bars_and_no_temporary_files(small_disk: Path, fetched: str):
    store = PriceStore(root=str(small_disk))
    stored = BARS[:2000]
    store.write("files", "AAPL", stored)
    (small_disk / "ballast").write_bytes(b"x" * 90_000)
    revised = BARS.with_columns(volume=pl.col("volume") * 2)
    with pytest.raises(OSError, match="No space left") as full:
        store.write("files", "AAPL", BARS if fetched == "more" else revised)
    assert full.value.errno == errno.ENOSPC
    assert store.read("files", "AAPL").equals(stored)
    kept = [name for name in _files(small_disk) if ".versions" not in name]
    assert kept == ["ballast", "files/AAPL.parquet"]
    assert not [name for name in _files(small_disk) if name.endswith(".tmp")]


def test_in_a_run_only_symbols_without_space_fail(small_disk: Path, project: Project):
    few = dict(zip(SYMBOLS[:18], range(18), strict=True))
    store = PriceStore(root=str(small_disk))
    (small_disk / "ballast").write_bytes(b"x" * 200_000)
    result = project.run(
        (SYMBOLS[0], SYMBOLS[17]),
        selection=FEW_ASSETS,
        definitions=project.definitions(price_store=store),
    )
    assert not result.success  # too few symbols had enough space
    failures = project.manager.get_failures(result.run_id)
    assert failures
    assert all("No space left on device" in failure["message"] for failure in failures)
    good = store.symbols("files")
    assert project.materialized("prices") == good == set(few) - {one["symbol"] for one in failures}
    (small_disk / "ballast").unlink()
    subprocess.run(["mount", "-o", "remount,size=64m", str(small_disk)], check=True)
    again = project.run(
        (SYMBOLS[0], SYMBOLS[17]), definitions=project.definitions(price_store=store)
    )
    assert again.success
    assert project.materialized("backtest_summaries") == set(few)
