"""`make run CLUSTER=local:2` ends as `make run` does, which knows nothing of clusters."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.pipelines.cli.command import SYMBOLS, environment, lay_out
from tests.postgres import fresh_database

# tenacity imports tornado's coroutines wherever it is installed; its connections are Dask's.
OF_A_CLUSTER = ("cryptography", "dask", "distributed", "tornado.iostream", "resources.cluster")
_RUN = """
import json, sys
from pipelines.cli.main_job import main
code = main([])
json.dump([name for name in {names!r} if name in sys.modules], open("loaded.json", "w"))
sys.exit(code)
"""


def _run(folder: Path, database: str, **variables: str) -> list[str]:
    """Run the main job in a new folder; return what of a cluster it has imported."""
    folder.mkdir()
    lay_out(folder, SYMBOLS)
    done = subprocess.run(
        [sys.executable, "-c", _RUN.format(names=OF_A_CLUSTER)],
        cwd=folder,
        env=environment(database, **variables),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return json.loads((folder / "loaded.json").read_text())


def _read_leaderboards(folder: Path) -> list[bytes]:
    """Return the bytes of the report's leaderboard, and of that of the universe.

    The latter without its last column: when it was written.
    """
    found = {path.read_bytes() for path in (folder / ".data" / "reports").rglob("leaderboard.csv")}
    (shown,) = [one for one in found if one.startswith(b"Strategy,")]
    (whole,) = [one for one in found if one.startswith(b"rank,")]
    return [shown, b"\n".join(line.rpartition(b",")[0] for line in whole.splitlines())]


def test_a_local_cluster_ends_with_the_same_leaderboard(server: str, tmp_path: Path):
    with fresh_database(server) as one, fresh_database(server) as other:
        alone = _run(tmp_path / "alone", one)
        loaded = _run(tmp_path / "cluster", other, GAUNTLET_CLUSTER="local:2")
    assert alone == []
    # The names are right: the same run on a cluster has them.
    assert loaded == list(OF_A_CLUSTER)
    expected = _read_leaderboards(tmp_path / "alone")
    assert all(len(one.splitlines()) > 9 for one in expected)
    assert _read_leaderboards(tmp_path / "cluster") == expected


@pytest.mark.parametrize("module", ["gauntlet", "pipelines.definitions", "assets.backtests.stage"])
def test_an_import_takes_nothing_of_a_cluster(module: str):
    program = f"import sys, {module}; print([n for n in {OF_A_CLUSTER!r} if n in sys.modules])"
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert done.stdout == "[]\n"
