import sys
from pathlib import Path
from typing import Any

import fsspec
import pytest
from fsspec.registry import _registry

from engine.errors import MissingPackageError
from resources.files.reports import Reports


@pytest.mark.parametrize("ending", ["", "/"])
def test_a_report_is_at_the_returned_path_and_replaced(tmp_path: Path, ending: str):
    reports = Reports(root=f"{tmp_path}/reports{ending}")
    for content in (b"old", b"new"):
        path = reports.write("leaderboard.csv", content)
        assert path == reports.path_of("leaderboard.csv") == f"{tmp_path}/reports/leaderboard.csv"
        assert Path(path).read_bytes() == content
    assert [found.name for found in (tmp_path / "reports").iterdir()] == ["leaderboard.csv"]


@pytest.mark.parametrize("root", ["memory://", "memory://reports", "memory://reports/"])
def test_a_report_in_a_bucket_is_at_the_returned_url(root: str):
    url = Reports(root=root).write("leaderboard.csv", b"rank")
    assert url == f"{root.removesuffix('/')}/leaderboard.csv"
    fs, path = fsspec.url_to_fs(url)
    assert fs.cat_file(path) == b"rank"
    fs.rm_file(path)


def test_a_bucket_without_its_package_says_what_to_install(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(sys.modules, "s3fs", None)  # as if it were not installed
    monkeypatch.delitem(_registry, "s3", raising=False)  # nor found by an earlier test
    with pytest.raises(MissingPackageError, match=r"^s3:// needs .* run make setup EXTRAS=s3, or "):
        Reports(root="s3://bucket").write("leaderboard.csv", b"rank")


def test_a_failed_write_keeps_the_old_report(tmp_path: Path):
    reports = Reports(root=str(tmp_path))
    kept = reports.write("leaderboard.csv", b"old")
    text: Any = "not bytes"
    with pytest.raises(TypeError):
        reports.write("leaderboard.csv", text)
    assert Path(kept).read_bytes() == b"old"
    assert [found.name for found in tmp_path.iterdir()] == ["leaderboard.csv"]
