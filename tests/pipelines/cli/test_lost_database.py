"""`make run` with a database that is lost after the run, or that can't be written."""

import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from psycopg import sql

from resources.result_store.embedded import data_folder, start_embedded
from tests.pipelines.cli.command import environment, lay_out, run_main_job
from tests.postgres import fresh_database, stop_server

SYMBOLS = ["AAPL", "MSFT"]
_LOST = """
import os, signal, sys
from pipelines.cli import materialize as module
from pipelines.cli.main_job import main
from resources.result_store.resource import ResultStore
given = ResultStore.manager
ResultStore.manager = lambda self: given(self.model_copy(update={"retry_timeout_seconds": 0.5}))
made = module.materialize
def materialize(*arguments):
    done = made(*arguments)
    os.kill(int(sys.argv[1]), signal.SIGINT)  # PostgreSQL stops at once
    while os.path.exists(sys.argv[2]):
        pass
    return done
module.materialize = materialize
sys.exit(main([]))
"""


@pytest.fixture
def own_server() -> Iterator[Path]:
    """Lend the home of a server that a test may stop."""
    home = Path(tempfile.mkdtemp(prefix="gauntlet-lost-"))
    yield home
    start_embedded(home)
    stop_server(home)
    shutil.rmtree(home)


def test_a_run_that_succeeded_is_never_reported_as_refused(tmp_path: Path, own_server: Path):
    lay_out(tmp_path, SYMBOLS)
    database = start_embedded(own_server).render_as_string(hide_password=False)
    pid_file = data_folder(own_server) / "postmaster.pid"
    done = subprocess.run(
        [sys.executable, "-c", _LOST, pid_file.read_text().split()[0], str(pid_file)],
        cwd=tmp_path,
        env=environment(database),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    (line,) = done.stderr.splitlines()
    assert line.startswith("All runs succeeded. What they made can't be shown now: The database ")
    assert "can't be reached" in line
    assert done.stdout.endswith(
        "See it: make ui START=2023-01-01, with the same DATABASE_URL, then\n"
        "http://127.0.0.1:3000/assets/leaderboard\n"
    )


def test_a_read_only_database_is_refused_in_one_line(tmp_path: Path, server: str):
    lay_out(tmp_path, SYMBOLS)
    with fresh_database(server, migrated=False) as database:
        name = database.rpartition("/")[2].partition("?")[0]
        with psycopg.connect(database.replace("+psycopg", ""), autocommit=True) as connection:
            connection.execute(
                sql.SQL("ALTER DATABASE {} SET default_transaction_read_only = on").format(
                    sql.Identifier(name)
                )
            )
        done = run_main_job(tmp_path, database)
    assert done.returncode == 2
    (line,) = done.stderr.splitlines()
    assert line.startswith("Refused: The database ")
    assert line.endswith("not a standby, and look at default_transaction_read_only.")
    assert not (tmp_path / ".data").exists()
