"""A killed run leaves no partial result, and the next run produces the same results."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import dagster as dg
import polars as pl

from tests.project import END, START, SYMBOLS, Project

FEW = (SYMBOLS[0], SYMBOLS[4])

# Runs the graph in its own process, and prints a line before it saves the rows.
RUN_AND_STOP = """
import sys, time
from pathlib import Path
import dagster as dg
from resources.result_store import manager
from resources.result_store.resource import ResultStore
from tests.project import Project

folder, database, first, last = sys.argv[1:]

def stop(*_, **__):
    print("saving", flush=True)
    time.sleep(3600)

manager.BacktestPersistenceManager.save_backtests = stop
with dg.DagsterInstance.from_config(f"{folder}/dagster") as instance:
    store = ResultStore(database_url=database, home=folder)
    Project(Path(folder), instance, store).run((first, last))
"""


def _killed_before_its_rows(project: Project) -> None:
    database = project.result_store.database_url or ""
    command = [sys.executable, "-c", RUN_AND_STOP, str(project.folder), database, *FEW]
    (project.folder / "dagster" / "dagster.yaml").write_text("telemetry:\n  enabled: false\n")
    with subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        cwd=Path(__file__).parents[2],
        env=os.environ | {"DAGSTER_HOME": str(project.folder / "dagster")},
    ) as process:
        assert process.stdout is not None
        assert "saving" in process.stdout.read(len("saving\n"))
        process.send_signal(signal.SIGKILL)


def _rows(project: Project) -> pl.DataFrame:
    rows = [
        row for symbol in SYMBOLS[:5] for row in project.manager.get_backtests_by_symbol(symbol)
    ]
    told = ("created_at", "updated_at", "run_id", "part")
    plain = [{name: str(row[name]) for name in row if name not in told} for row in rows]
    return pl.DataFrame(plain).sort("id")


def test_a_run_after_a_killed_one_stores_all_results(project: Project):
    _killed_before_its_rows(project)
    assert project.materialized("prices") == set(SYMBOLS[:5])
    assert not project.materialized("backtest_summaries")
    assert not project.manager.get_backtests_by_symbol(SYMBOLS[0])
    again = project.run(FEW)
    assert again.success, project.why(again)
    assert project.materialized("backtest_summaries") == set(SYMBOLS[:5])
    after_kill = _rows(project)
    assert after_kill.height == 5 * 2
    undisturbed = project.run(FEW)
    assert undisturbed.success
    assert _rows(project).equals(after_kill)


def test_a_corrupt_file_is_named_and_fetched_again(project: Project):
    assert project.run(FEW).success
    store = project.resource("price_store")
    path = Path(store.path_of("files", "S02"))
    good = path.read_bytes()
    path.write_bytes(good[:-40])
    failed = project.run(FEW, selection=["backtests/rsi"])
    (failure,) = project.manager.get_failures(failed.run_id)
    assert (failure["symbol"], failure["error_class"]) == ("S02", "CorruptBarsError")
    assert str(path) in failure["message"]
    assert "materialize its symbol's prices again" in failure["message"]
    healed = project.run(FEW)
    assert healed.success
    assert store.load("files", "S02", START, END).height > 100
    (kept,) = (path.parent / ".quarantine").iterdir()
    assert kept.read_bytes() == good[:-40]
    record = project.instance.fetch_materializations(dg.AssetKey("prices"), limit=20).records
    told = {one.partition_key: one.asset_materialization for one in record[:5]}
    assert told["S02"] is not None
    assert told["S02"].metadata["outcome"].value == "recovered"
    assert told["S02"].metadata["quarantined"].value == str(kept)
