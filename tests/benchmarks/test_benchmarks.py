"""Each benchmark as a command, on small sizes: no test here depends on speed."""

import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.__main__ import BENCHMARKS
from benchmarks.report import Record

ROOT = Path(__file__).parents[2]

# For each benchmark with limits: one that cannot be met, and others that are always met.
IMPOSSIBLE = {
    "vectorbt_baseline": "times_vectorbt=1e9",
    "against_peers": "times_fastest=1e9",
    "start": "times_imports=0",
    "growth": "exponent=-1e9",
    "memory": "growth_mb=-1e9",
    "sweep": "times_batch=1e9",
    "notebook_cache": "times_computed=1e9",
    "portfolio": "times_vectorbt=1e9",
    "save": "times_orm=1e9",
    "load": "times_scan=0",
    "curves": "seconds=0",
    "tear_sheets": "megabytes=0",
    "bookkeeping": "times_stock=0",
    "disk": "night_mb=0",
    "main_job": "times_stock_empty=0",
    "thousand_symbols": "seconds=0",
    "cluster": "times_here=0",
    "fixed_cost": "times_empty=0",
    "imports": "times_dagster=0",
    "concurrent_requests": "times_stock=1e9",
    "result_cache": "times_cold=1e9",
    "rate_limiter": "used=1e9",
    "splits": "found=1e9",
    "universe_sweep": "seconds=0",
    "stitched_walk_forward": "seconds=0",
    "from_sweep_to_verdict": "seconds=0",
    "learning": "seconds=0",
}
TRIVIAL = {
    "memory": ["sweep_mb=1e9"],
    "sweep": ["times_batch=0", "times_read=1e9"],
    "portfolio": ["memory_share=1e9", "exponent=1e9"],
    "save": ["times_executemany=0", "growth_mb=1e9"],
    "load": ["growth_mb=1e9"],
    "tear_sheets": ["seconds=1e9", "known_seconds=1e9", "single_file_mb=1e9", "exponent=1e9"],
    "curves": ["times_polars=1e9", "growth_mb=1e9"],
    "disk": ["kb_per_symbol=1e9", "wal_mb=1e9"],
    "fixed_cost": [
        *("times_empty_known=1e9", "times_empty_whole=1e9", "times_empty_whole_known=1e9"),
        "times_empty_one=1e9",
    ],
    "thousand_symbols": ["memory_mb=1e9"],
    "cluster": ["kb_per_symbol=1e9", "start_seconds=1e9", "fed=0"],
    "concurrent_requests": ["times_stock_cpu=0"],
    "result_cache": ["times_forced=0", "times_joblib=0"],
    "rate_limiter": ["refused=1e9", "used_database=0"],
    "splits": ["accused=1e9", "ordinary=1e9", "times_table=1e9"],
    "universe_sweep": ["recording_percent=1e9", "exponent=1e9", "memory_mb=1e9"],
    "stitched_walk_forward": ["exponent=1e9"],
    "from_sweep_to_verdict": ["times_arch=0", "times_purgedcv=0"],
    "learning": ["sweep_seconds=1e9", "times_partial_fit=0"],
}
LIMITED = sorted(IMPOSSIBLE)
UNLIMITED = sorted(set(BENCHMARKS) - set(IMPOSSIBLE))


def _run(name: str, results: Path, *options: str) -> subprocess.CompletedProcess[str]:
    command = [
        sys.executable,
        "-m",
        f"benchmarks.{BENCHMARKS[name]}.{name}",
        "--quick",
        "--rounds",
        "1",
    ]
    return subprocess.run(
        [*command, "--results", str(results), *options],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )


def _limits(*limits: str) -> list[str]:
    return [part for limit in limits for part in ("--limit", limit)]


@pytest.mark.parametrize("name", ["sweep", *UNLIMITED])
def test_a_benchmark_that_meets_its_limits_exits_with_0(name: str, tmp_path: Path):
    done = _run(name, tmp_path, *_limits(*TRIVIAL.get(name, [])))
    assert done.returncode == 0, done.stdout + done.stderr
    record = Record.read(tmp_path / f"{name}.json")
    assert record.report.tables
    assert {verdict.status for verdict in record.report.verdicts} <= {"met"}
    assert bool(record.report.verdicts) == (name in LIMITED)
    assert record.machine["Cores"]


@pytest.mark.parametrize("name", LIMITED)
def test_a_benchmark_that_misses_a_limit_exits_with_1(name: str, tmp_path: Path):
    done = _run(name, tmp_path, *_limits(*TRIVIAL.get(name, []), IMPOSSIBLE[name]))
    assert done.returncode == 1, done.stdout + done.stderr
    assert "MISSED" in done.stdout
    report = Record.read(tmp_path / f"{name}.json").report
    assert all(row for table in report.tables for row in table.rows)
    missed = [verdict.limit for verdict in report.verdicts if verdict.status == "missed"]
    assert missed
    assert set(missed) == {float(IMPOSSIBLE[name].partition("=")[2])}


def test_an_unknown_limit_is_refused_and_known_ones_are_listed(tmp_path: Path):
    done = _run("sweep", tmp_path, "--limit", "speed=1")
    assert done.returncode == 2
    assert "there is no limit 'speed'; the limits are: times_batch, times_read" in done.stderr


def test_a_quick_run_writes_its_own_page(tmp_path: Path):
    before = (ROOT / "docs" / "benchmarks.md").read_bytes()
    command = [sys.executable, "-m", "benchmarks", "stages", "--quick", "--rounds", "1"]
    subprocess.run([*command, "--results", str(tmp_path)], cwd=ROOT, check=True)
    assert "## Where does the time of a backtest go?" in (tmp_path / "benchmarks.md").read_text()
    assert (ROOT / "docs" / "benchmarks.md").read_bytes() == before


def test_every_benchmark_file_is_registered():
    for group in set(BENCHMARKS.values()):
        files = (ROOT / "benchmarks" / group).glob("*.py")
        defining = {path.stem for path in files if "BENCHMARK = Benchmark(" in path.read_text()}
        assert {name for name, its in BENCHMARKS.items() if its == group} == defining
