"""The files of research: found as they were written, and old ones by strategy and kind."""

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID

import pytest

from resources.run_artifacts.research_files import ResearchFiles

OLD, OLDER, NEW = (UUID(int=number) for number in range(3))


@pytest.mark.parametrize("kind", ["walk_forward", "robustness"])
def test_old_results_are_found_but_not_the_newest(tmp_path: Path, kind: str):
    files, now = ResearchFiles(str(tmp_path), kind), datetime.now(UTC)
    for strategy, identity, days in (
        ("rsi", OLDER, 9), ("rsi", OLD, 5), ("rsi", NEW, 1), ("macd", OLDER, 9),
    ):  # fmt: skip
        files.write(strategy, identity, {"days": days})
        when = (now - timedelta(days=days)).timestamp()
        os.utime(files.path(strategy, identity), (when, when))
    # Another kind, and what another process is writing.
    ResearchFiles(str(tmp_path), "sweeps").write("rsi", NEW, {})
    (tmp_path / kind / "rsi" / f".{NEW}.json.5f.tmp").write_text("{")
    assert files.find_old(now - timedelta(days=3)) == [("rsi", str(OLD)), ("rsi", str(OLDER))]
    assert files.find_old(now - timedelta(days=7)) == [("rsi", str(OLDER))]
    for _ in range(2):
        files.delete("rsi", str(OLDER))
    assert files.find("rsi", OLDER) is None
    assert files.find("rsi", OLD) == {"days": 5}
    assert files.find("macd", OLDER) == {"days": 9}
    assert ResearchFiles(f"{tmp_path}/none", kind).find_old(now) == []
