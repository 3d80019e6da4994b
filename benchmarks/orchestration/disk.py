"""How much disk does a night take?

The command behind `make run` over 110 symbols x all strategies and five years, in a new folder with
the project's dagster.yaml, once per night: each night's window is one session longer, so that every
result is computed again. The last night is repeated, with all results known. What a night adds is
measured after its processes have ended: Dagster's history (events, runs), the rows of the result
store with their indexes, its write-ahead log, backtest files, prices. The first night, which also
creates the files, is not counted.

The baseline is Dagster's own SQLite storage of events in the same dagster.yaml. Some 2 MB of each
night are not of its symbols: the events of all checks, the research and the portfolios. What a
symbol adds is therefore the difference between nights of a small universe and of this one, as it is
in a universe of thousands, where the rest is nothing.
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from pathlib import Path
from statistics import median
from typing import Any

import sqlalchemy as sa
import yaml

from benchmarks.benchmark import Benchmark, Options, main
from benchmarks.harness import CONSOLE
from benchmarks.orchestration.graphs import OURS, STOCK, scratch
from benchmarks.report import Report, Table, Verdict
from resources.result_store.embedded import start_embedded, stop_embedded
from strategies.registry import registered_strategies

_ROOT = Path(__file__).parents[2]
_SETTINGS = ("GAUNTLET_", "DAGSTER_", "DATABASE_URL")
_FEW = 10
_SESSIONS = tuple(date(2023, 12, day) for day in (20, 21, 22, 26))
_STOCK = {"module": "dagster._core.storage.event_log", "class": "SqliteEventLogStorage"}
_HISTORY, _ROWS, _WAL = "Dagster's history", "rows of results", "write-ahead log"
_FOLDERS = {
    _HISTORY: "dagster/history",
    "backtest files": "backtests",
    "prices": "prices",
    _WAL: "postgres/pg_wal",
}
_TABLES = """
    SELECT coalesce(sum(pg_total_relation_size(oid)), 0) FROM pg_class
    WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace
"""


def run(options: Options) -> Report:
    """Run the nights on each storage of events."""
    symbols, nights = (4, 1) if options.quick else (110, len(_SESSIONS))
    ours = _measure(OURS, symbols, _SESSIONS[:nights])
    stock = [] if options.quick else _measure(STOCK, symbols, _SESSIONS[:2], event_log=_STOCK)
    night = _get_history(ours)
    few, sessions = (2, _SESSIONS[:1]) if options.quick else (_FEW, _SESSIONS[:2])
    small = _get_history(_measure(OURS, few, sessions))
    per_symbol = (night - small) / (symbols - few)
    found = {
        "night_mb": ("Dagster's history of a night", night / 1e6, "MB"),
        "kb_per_symbol": ("Dagster's history per symbol and run", per_symbol / 1e3, "kB"),
        "wal_mb": (
            "Write-ahead log of the result store",
            max(added[_WAL] for added in ours) / 1e6,
            "MB",
        ),
    }
    size = f"{symbols} symbols x {len(registered_strategies())} strategies"
    verdicts = [
        Verdict(f"{what} ({size})", value, "at most", options.limits[name], unit)
        for name, (what, value, unit) in found.items()
    ]
    return Report(verdicts, [_table(size, ours, stock)])


def _get_history(nights: Sequence[Mapping[str, int]]) -> float:
    """Return the bytes that a night adds to Dagster's history; the last of them was repeated."""
    return median(added[_HISTORY] for added in nights[:-1] or nights)


def _measure(
    title: str,
    symbols: int,
    sessions: Sequence[date],
    event_log: Mapping[str, Any] | None = None,
) -> list[dict[str, int]]:
    """Return what each night after the first added, and then the repeated one, by kind."""
    folder = scratch()
    _lay_out(folder, symbols, event_log)
    before, added = _read_sizes(folder), list[dict[str, int]]()
    for number, session in enumerate([*sessions, sessions[-1]]):
        CONSOLE.print(f"{title}: night {number + 1}, {symbols} symbols", style="dim")
        _run_night(folder, session)
        now = _read_sizes(folder)
        added.append({name: size - before[name] for name, size in now.items()} | {_WAL: now[_WAL]})
        before = now
    shutil.rmtree(folder)
    return added[1:]


def _lay_out(folder: Path, symbols: int, event_log: Mapping[str, Any] | None) -> None:
    settings = yaml.safe_load((_ROOT / "dagster.yaml").read_text())
    settings["event_log_storage"] |= event_log or {}
    (folder / "dagster.yaml").write_text(yaml.safe_dump(settings))
    shutil.copy(_ROOT / "workspace.yaml", folder)
    names = [f"S{number:05}" for number in range(symbols)]
    (folder / "universe.csv").write_text("\n".join(["symbol", *names]) + "\n")


def _run_night(folder: Path, session: date) -> None:
    inherited = {name: text for name, text in os.environ.items() if not name.startswith(_SETTINGS)}
    given = {"GAUNTLET_START": "2019-01-01", "GAUNTLET_END": session.isoformat()}
    done = subprocess.run(
        [sys.executable, "-m", "pipelines.cli.main_job"],
        cwd=folder,
        env=inherited | given | {"PYTHONWARNINGS": "ignore"},
        stdout=subprocess.DEVNULL,
        check=False,
    )
    if done.returncode:
        raise SystemExit(f"The run failed with {done.returncode}; its log is in {folder}.")


def _read_sizes(folder: Path) -> dict[str, int]:
    """Return the bytes of each kind of data; none of them is in use."""
    data = folder / ".data"
    sizes = {name: sum(_files(data / place)) for name, place in _FOLDERS.items()}
    return sizes | {_ROWS: _read_rows(data) if (data / "postgres").exists() else 0}


def _files(folder: Path) -> Iterator[int]:
    return (path.stat().st_size for path in folder.rglob("*") if path.is_file())


def _read_rows(data: Path) -> int:
    engine = sa.create_engine(start_embedded(data), poolclass=sa.NullPool)
    try:
        with engine.connect() as connection:
            return int(connection.execute(sa.text(_TABLES)).scalar_one())
    finally:
        stop_embedded(data)


def _table(size: str, ours: list[dict[str, int]], stock: list[dict[str, int]]) -> Table:
    given = {
        "a night": ours[:-1],
        "a night of known results": ours[-1:],
        f"a night, {STOCK}": stock[:-1],
    }
    columns = {name: nights for name, nights in given.items() if nights}
    rows = [
        [kind, *(f"{median(one[kind] for one in of) / 1e6:.1f}" for of in columns.values())]
        for kind in ours[0]
    ]
    return Table(f"MB that a night adds, {size}", ["What", *columns], rows)


BENCHMARK = Benchmark(
    "disk",
    __doc__ or "",
    {"night_mb": 8.0, "kb_per_symbol": 50.0, "wal_mb": 192.0},
    run,
    "orchestration",
)

if __name__ == "__main__":
    sys.exit(main(BENCHMARK))
