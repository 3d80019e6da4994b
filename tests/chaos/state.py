"""What a project holds: rows, curves, prices and reports, and what Dagster says of its runs."""

import hashlib
import json
import os
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import dagster as dg
import polars as pl

from resources.run_artifacts.backtest_files import BacktestFiles
from tests.pipelines.cli.command import ROOT, history

_EVENTS = 10_000


class UnreadableError(Exception):
    """The rows of a project can't be read; the text is why."""


@dataclass(frozen=True)
class Backtest:
    """A stored backtest: its name for people, its row with all trades, and where its curve is."""

    name: str
    row: str
    place: tuple[str, int]


@dataclass(frozen=True)
class State:
    """What a project holds.

    Attributes
    ----------
    backtests
        By identifier, which follows from all that a result depends on.
    of_runs
        The identifiers of the results of each run.
    leaderboards
        The rows of each run's leaderboard.
    failures
        How many failures each run has.
    statuses
        What Dagster says of each run.
    summarized
        The symbols of `backtest_summaries` that Dagster calls materialized, by run.
    curves
        A digest of the equity curve of each backtest.
    prices, reports
        A digest of each symbol's bars, and of each leaderboard's table by the name of its folder.
    unfinished
        Files and folders that a write in progress left.
    """

    backtests: Mapping[str, Backtest]
    of_runs: Mapping[str, frozenset[str]]
    leaderboards: Mapping[str, str]
    failures: Mapping[str, int]
    statuses: Mapping[str, str]
    summarized: Mapping[str, frozenset[str]]
    curves: Mapping[str, str]
    prices: Mapping[str, str]
    reports: Mapping[str, str]
    unfinished: tuple[str, ...]

    @property
    def newest_run(self) -> str:
        """The run that started last, as Dagster lists them."""
        return next(iter(self.statuses), "")


def read_state(folder: Path, rows: Mapping[str, Any] | None = None) -> State:
    """Read all that the project in a folder holds; its rows from its embedded server if not given.

    Raises
    ------
    UnreadableError
        When the server does not start, or its rows can't be read.
    """
    data = folder / ".data"
    rows = rows or _read_rows(data)
    backtests = {
        identifier: Backtest(name, text, (run_id, part))
        for identifier, name, text, run_id, part in rows["backtests"]
    }
    statuses, summarized = _read_history(folder)
    return State(
        backtests,
        {run: frozenset(some) for run, some in rows["of_runs"].items()},
        rows["leaderboards"],
        rows["failures"],
        statuses,
        summarized,
        _read_curves(data / "backtests", {one.place for one in backtests.values()}),
        {path.stem: _digest(pl.read_parquet(path)) for path in data.glob("prices/*/*.parquet")},
        {
            path.parent.name: _digest(pl.read_csv(path).drop("made_at"))
            # Those of leaderboards; beside them are the pages of each run.
            for path in data.glob("reports/*_*/leaderboard.csv")
        },
        tuple(str(path) for path in data.rglob("*.tmp")),
    )


def _read_rows(data: Path) -> dict[str, Any]:
    done = subprocess.run(
        [sys.executable, "-m", "tests.chaos.rows", str(data)],
        cwd=ROOT,
        env={name: text for name, text in os.environ.items() if name != "DATABASE_URL"},
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    if done.returncode:
        raise UnreadableError(done.stderr.strip().splitlines()[-1])
    return json.loads(done.stdout)


def _read_history(folder: Path) -> tuple[dict[str, str], dict[str, frozenset[str]]]:
    if not (folder / ".data/dagster/history/runs.db").exists():
        return {}, {}
    with history(folder) as instance:
        statuses = {run.run_id: run.status.value for run in instance.get_runs()}
        found = instance.fetch_materializations(dg.AssetKey("backtest_summaries"), limit=_EVENTS)
    summarized: dict[str, set[str]] = defaultdict(set)
    for record in found.records:
        summarized[record.run_id].add(str(record.partition_key))
    return statuses, {run: frozenset(symbols) for run, symbols in summarized.items()}


def _read_curves(root: Path, places: Iterable[tuple[str, int]]) -> dict[str, str]:
    files = BacktestFiles(root=str(root))
    return {
        str(identifier): _digest(curve.drop("backtest_id"))
        for part in files.equity_parts(sorted(places))
        for (identifier,), curve in part.partition_by(["backtest_id"], as_dict=True).items()
    }


def _digest(frame: pl.DataFrame) -> str:
    content = frame.write_ipc(None, compression="uncompressed").getvalue()
    return hashlib.sha256(content).hexdigest()
