"""The page of runs: time, memory and throughput of the last ones."""

from typing import Any

from reports.figures.bar_chart import draw_bars
from reports.html import render
from reports.inputs.runs import RunCosts, RunsInputs, compute_throughput
from reports.numbers import show_count, show_ratio, show_seconds, show_text
from reports.page import Page
from reports.tables import Cell, Column, Table

PATH, CSV = "runs.html", "runs.csv"

_TIMED = ("prices", "backtests", "backtest_summaries")
"""The stages that process symbol by symbol."""


def _show_megabytes(value: float) -> str:
    return f"{show_count(value)} MB"


_COLUMNS = (
    Column("Run"),
    Column("Started"),
    Column("Purpose"),
    Column("Source"),
    Column("Window"),
    Column("Symbols", show_count, numeric=True),
    Column("Failed", show_count, "Symbols that failed at any stage.", numeric=True),
    Column(
        "Time",
        show_seconds,
        "Of its stages: prices, backtests, summaries and leaderboard. Research is not measured.",
        numeric=True,
    ),
    Column("CPU", show_seconds, "Processor time of the same stages.", numeric=True),
    Column("Peak memory", _show_megabytes, "Of the process, in any stage.", numeric=True),
    *(
        Column(f"{stage}: symbols/s", show_ratio, numeric=True)
        for stage in (one.replace("_", " ") for one in _TIMED)
    ),
)


def build_runs(inputs: RunsInputs) -> Page:
    """Return the page of the last runs, the newest first."""
    table = Table("Runs, newest first", _COLUMNS, [_build_row(one) for one in inputs.runs[::-1]])
    times = [(_name(one), one.wall_seconds) for one in inputs.runs]
    peaks = [(_name(one), one.memory_mb) for one in inputs.runs]
    newest = inputs.runs[-1]
    body = render(
        "runs.html",
        runs=len(inputs.runs),
        table=table.render(),
        times=draw_bars(
            "Time of each run",
            f"The newest took {show_seconds(newest.wall_seconds)}.",
            times,
            show_seconds,
        ),
        peaks=draw_bars(
            "Peak memory of each run",
            f"The newest needed {_show_megabytes(newest.memory_mb)}.",
            peaks,
            _show_megabytes,
        ),
        csv=CSV,
    )
    return Page(PATH, "Runs", body, {CSV: table.to_csv()})


def _build_row(run: RunCosts) -> list[Any]:
    throughput = (
        compute_throughput(run.stages[stage]) if stage in run.stages else None for stage in _TIMED
    )
    return [
        run.run_id[:8],
        Cell(run.started_at, kind="times"),
        run.purpose,
        run.source,
        Cell(run.window, kind="times"),
        run.symbols,
        Cell(run.failures, kind="bad" if run.failures else ""),
        run.wall_seconds,
        run.cpu_seconds,
        run.memory_mb,
        *throughput,
    ]


def _name(run: RunCosts) -> str:
    return f"{run.run_id[:8]}, {show_text(run.started_at)}"
