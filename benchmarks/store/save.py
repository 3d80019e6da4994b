"""How much faster is saving results in one call than one by one?

The same 10,000 summaries, with every metric and the run that has each, into the same embedded
PostgreSQL with its default durability: `save_backtests` (COPY into a staging table, one upsert),
against SQLAlchemy's ORM with a commit per row, and against one `INSERT` per table sent with a list
of rows (executemany, in one transaction).
The baselines insert into empty tables and check nothing; `save_backtests` checks every value, and
would update existing rows. The ORM saves a tenth of the rows, and is compared per row. Counted is
the processor's time of this process and of the server; that the ORM also waits for the disk, once
per row, is not held against it.

Memory: 1,000,000 trades in one call, in a fresh process; growth is the peak of resident memory
above that with the frame loaded, sampled every 5 ms.
"""

import json
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import polars as pl
import sqlalchemy as sa
from sqlalchemy.orm import Session

from benchmarks.benchmark import Benchmark, Options, main
from benchmarks.clock import cpu_seconds_with, postgres_process
from benchmarks.harness import CONSOLE, Timings, interleave
from benchmarks.report import Report, Table, Verdict
from benchmarks.store.rows import results
from research.purpose import Purpose
from resources.result_store.embedded import data_folder
from resources.result_store.frame_schemas import BACKTESTS, MEMBERS, TRADES_SCHEMA
from resources.result_store.manager import BacktestPersistenceManager
from resources.result_store.models import Backtest, RunBacktest
from resources.result_store.resource import ResultStore

OURS, ORM, MANY = "save_backtests", "ORM, a commit per row", "executemany"

_JSON = ("parameters", "settings", "undefined", "seeds")
_MOST_ROUNDS = 5


def run(options: Options) -> Report:
    """Compare speed and memory with their limits."""
    rows, backtests, each = (200, 20, 50) if options.quick else (10_000, 10_000, 100)
    report = Report()
    # Not removed by the block: the server lives until this process ends, and cleans up then.
    home = tempfile.mkdtemp(prefix="gauntlet-benchmark-")
    _speed(home, rows, options, report)
    _memory(home, backtests, each, options, report)
    return report


def _speed(home: str, count: int, options: Options, report: Report) -> None:
    manager = ResultStore(home=home).manager()
    frame, few = results(count), count // 10
    rows = plain(frame)
    with _emptied(manager) as empty:
        contenders = {
            OURS: _after(empty, lambda: manager.save_backtests(frame, TRADES_SCHEMA.to_frame())),
            MANY: _after(empty, lambda: _executemany(manager.engine, rows)),
            ORM: _after(empty, lambda: _one_by_one(manager.engine, rows[:few])),
        }
        timings = interleave(
            f"{count:,} summaries",
            contenders,
            min(options.rounds, _MOST_ROUNDS),
            cpu_seconds_with(postgres_process(data_folder(Path(home)))),
        )
    rows_saved = {OURS: count, MANY: count, ORM: few}
    for baseline, limit in ((ORM, "times_orm"), (MANY, "times_executemany")):
        fewer = rows_saved[OURS] / rows_saved[baseline]
        what = f"Summaries saved per second, times {baseline} ({count:,} rows)"
        measured = timings.times_as_fast(OURS, baseline) * fewer
        report.verdicts.append(Verdict(what, measured, "at least", options.limits[limit], "x"))
    report.tables.append(_table(f"{count:,} summaries", timings, rows_saved))


def _memory(home: str, backtests: int, each: int, options: Options, report: Report) -> None:
    CONSOLE.print(f"{backtests * each:,} trades in one call")
    command = [sys.executable, "-m", "benchmarks.store.trades_worker", home]
    done = subprocess.run(
        [*command, str(backtests), str(each)], check=True, capture_output=True, text=True
    )
    found: dict[str, Any] = json.loads(done.stdout)
    what = f"Growth of resident memory, {found['trades']:,} trades in one call"
    limit = options.limits["growth_mb"]
    report.verdicts.append(Verdict(what, found["growth_mb"], "below", limit, "MB"))
    rows = [
        ["The frame itself", f"{found['frame_mb']:.0f} MB"],
        ["Growth while it is saved", f"{found['growth_mb']:.0f} MB"],
        ["Time", f"{found['seconds']:.1f} s"],
    ]
    report.tables.append(Table(f"{found['trades']:,} trades, one call", ["", "Value"], rows))


def plain(frame: pl.DataFrame) -> list[dict[str, Any]]:
    """Return the rows as an ORM takes them: dicts, with JSON columns as dicts."""
    rows = frame.to_dicts()
    for row in rows:
        row.update({name: json.loads(row[name]) for name in _JSON})
    return rows


def _one_by_one(engine: sa.Engine, rows: list[dict[str, Any]]) -> None:
    with Session(engine) as session:
        for row in rows:
            session.add(Backtest(**row))
            session.flush()
            session.add(RunBacktest(**_member(row)))
            session.commit()


def _executemany(engine: sa.Engine, rows: list[dict[str, Any]]) -> None:
    with engine.begin() as connection:
        connection.execute(sa.insert(BACKTESTS), rows)
        connection.execute(sa.insert(MEMBERS), [_member(row) for row in rows])


def _member(row: dict[str, Any]) -> dict[str, Any]:
    """Return the row that says which run has a result."""
    own = {name: row[name] for name in ("run_id", "symbol", "strategy")}
    return {**own, "backtest_id": row["id"], "purpose": Purpose.NOTEBOOK.value}


@contextmanager
def _emptied(manager: BacktestPersistenceManager) -> Iterator[Callable[[], None]]:
    def empty() -> None:
        with manager.engine.begin() as connection:
            connection.execute(sa.text("TRUNCATE backtests CASCADE"))

    yield empty
    empty()


def _after(before: Callable[[], None], contender: Callable[[], Any]) -> Callable[[], Any]:
    """Return a contender that empties the table first, which takes a few milliseconds."""

    def run() -> Any:
        before()
        return contender()

    return run


def _table(title: str, timings: Timings, rows: dict[str, int]) -> Table:
    body = [
        [
            name,
            f"{count:,}",
            f"{timings.median(name):.2f}",
            f"{1e6 * timings.median(name) / count:,.0f}",
            f"{count / timings.median(name):,.0f}",
            f"{timings.spread(name):.0%}",
        ]
        for name, count in rows.items()
    ]
    return Table(title, ["Way", "Rows", "s", "us per row", "rows/s", "spread"], body)


BENCHMARK = Benchmark(
    "save",
    __doc__ or "",
    {"times_orm": 30.0, "times_executemany": 3.0, "growth_mb": 300.0},
    run,
    "store",
)

if __name__ == "__main__":
    sys.exit(main(BENCHMARK))
