"""What is kept is given out as it was kept, or not at all; to any number of processes."""

import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from resources.result_cache.kept import Kept

ROOT = Path(__file__).parents[3]

WRITER = """
import sys
from pathlib import Path
from resources.result_cache.kept import Kept

name, path = sys.argv[1], Path(sys.argv[2])
for number in range(50):
    with Kept(path) as kept:
        kept.put("result", {f"{name} {number}": name.encode(), "both": b"the same"})
        assert kept.get("result", [f"{name} {number}"]), kept.troubles
        assert not kept.troubles, kept.troubles
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "folder" / "kept.sqlite"


@pytest.fixture
def kept(path: Path) -> Iterator[Kept]:
    with Kept(path) as opened:
        yield opened


def _change(path: Path, statement: str, *values: object) -> None:
    with sqlite3.connect(path) as connection:
        connection.execute(statement, values)
    connection.close()


def test_a_value_is_given_out_by_its_kind_and_key(kept: Kept):
    kept.put("a", {"x": b"1", "y": b"2"})
    kept.put("b", {"x": b"3"})
    assert kept.get("a", ["x", "y", "z"]) == {"x": b"1", "y": b"2"}
    assert kept.get("b", ["x", "y"]) == {"x": b"3"}
    kept.put("a", {"x": b"4"})
    assert kept.get("a", ["x"]) == {"x": b"4"}
    assert kept.get("a", []) == {}
    assert not kept.troubles


def test_more_keys_than_one_question_takes(kept: Kept):
    values = {f"key {number}": str(number).encode() for number in range(1234)}
    kept.put("a", values)
    assert kept.get("a", list(values)) == values


def test_another_process_finds_what_was_kept(path: Path, kept: Kept):
    kept.put("a", {"x": b"1"})
    with Kept(path) as other:
        assert other.get("a", ["x"]) == {"x": b"1"}


def test_whoever_does_not_ask_is_told_nothing_and_remembers_all_the_same(path: Path, kept: Kept):
    kept.put("a", {"x": b"1"})
    with Kept(path, ask=False) as forced:
        assert forced.get("a", ["x"]) == {}
        forced.put("a", {"x": b"2"})
    assert kept.get("a", ["x"]) == {"x": b"2"}


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE kept SET value = x'00' WHERE key = 'x'",
        "UPDATE kept SET digest = x'00' WHERE key = 'x'",
        "UPDATE kept SET value = 'text' WHERE key = 'x'",
        "UPDATE kept SET key = 'x2' WHERE key = 'x'",
        "UPDATE kept SET kind = 'b' WHERE key = 'x'",
    ],
)
def test_a_value_that_was_changed_or_moved_is_not_believed(path: Path, kept: Kept, statement: str):
    kept.put("a", {"x": b"1", "y": b"2"})
    _change(path, statement)
    found = kept.get("a", ["x", "x2", "y"]) | kept.get("b", ["x"])
    assert found == {"y": b"2"}
    kept.put("a", {"x": b"1"})
    assert kept.get("a", ["x"]) == {"x": b"1"}


def test_the_oldest_are_forgotten(path: Path, kept: Kept):
    for number, key in enumerate("abcd"):
        kept.put("a", {key: b"1"})
        _change(path, "UPDATE kept SET kept_at = ? WHERE key = ?", number, key)
    kept.put("b", {"e": b"1"})
    kept.prune("a", 2)
    assert set(kept.get("a", list("abcd"))) == {"c", "d"}
    assert kept.get("b", ["e"])


@pytest.mark.parametrize("content", [b"no database at all" * 100, b"SQLite format 3\0" + b"x" * 99])
def test_a_file_that_is_no_database_is_put_aside(path: Path, content: bytes):
    path.parent.mkdir()
    path.write_bytes(content)
    with Kept(path) as kept:
        assert kept.get("a", ["x"]) == {}
        kept.put("a", {"x": b"1"})
        assert str(path) in kept.troubles[0]
    (aside,) = path.parent.glob("*.damaged-*")
    assert aside.read_bytes() == content
    with Kept(path) as again:
        again.put("a", {"x": b"1"})
        assert again.get("a", ["x"]) == {"x": b"1"}
        assert not again.troubles


def test_a_folder_that_cannot_be_made_is_a_trouble_and_no_error(tmp_path: Path):
    (tmp_path / "file").write_text("in the way")
    with Kept(tmp_path / "file" / "kept.sqlite") as kept:
        kept.put("a", {"x": b"1"})
        assert kept.get("a", ["x"]) == {}
        kept.prune("a", 1)
    assert len(kept.troubles) == 1


def test_two_processes_at_once_lose_nothing(path: Path):
    command = [sys.executable, "-c", WRITER]
    writers = [
        subprocess.Popen([*command, name, str(path)], cwd=ROOT, stderr=subprocess.PIPE, text=True)
        for name in ("one", "two")
    ]
    said = [writer.communicate()[1] for writer in writers]
    assert [writer.returncode for writer in writers] == [0, 0], said
    with Kept(path) as kept:
        keys = [f"{name} {number}" for name in ("one", "two") for number in range(50)]
        assert set(kept.get("result", [*keys, "both"])) == {*keys, "both"}
