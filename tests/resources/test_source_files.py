"""Files of a package are listed while an editor works on them."""

from pathlib import Path

from resources.celery_workers.edition import Edition
from resources.source_files import list_source_files


def test_what_can_not_be_imported_is_no_source(tmp_path: Path):
    package = tmp_path / "strategies"
    for name in ("ml/votes.py", "rsi.py", "notes.txt", "__pycache__/rsi.py", ".old/rsi.py"):
        (package / name).parent.mkdir(parents=True, exist_ok=True)
        (package / name).touch()
    before = Edition([], [], tmp_path).compute()
    (package / ".#rsi.py").symlink_to("ann@host.4711:1")  # a lock of Emacs
    (package / ".rsi.py.swp.py").touch()
    listed = [Path(one).relative_to(package) for one in list_source_files(tmp_path, ["strategies"])]
    assert [one.as_posix() for one in listed] == ["rsi.py", "ml/votes.py"]
    assert Edition([], [], tmp_path).compute() == before


def test_an_edition_can_be_read_while_files_vanish(tmp_path: Path):
    (tmp_path / "strategies").mkdir()
    (tmp_path / "strategies" / "rsi.py").touch()
    (tmp_path / "strategies" / "gone.py").symlink_to(tmp_path / "nowhere.py")
    edition = Edition([], [], tmp_path)
    assert [Path(path).name for path, *_ in edition.read_signature()] == ["rsi.py"]
    (tmp_path / "strategies" / "gone.py").unlink()
    without = edition.compute()
    (tmp_path / "strategies" / "gone.py").symlink_to(tmp_path / "nowhere.py")
    assert edition.compute() == without
