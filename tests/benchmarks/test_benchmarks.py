"""Each benchmark as a command, on tiny sizes: no test here depends on how fast anything is."""

import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.__main__ import QUESTIONS
from benchmarks.report import Record

ROOT = Path(__file__).parents[2]

# Of each benchmark that judges: limits that anything keeps, and limits that nothing can.
ALWAYS, NEVER = "always", "never"
LIMITS = {
    "rival_vectorbt": {ALWAYS: ["times_vectorbt=0"], NEVER: ["times_vectorbt=1e9"]},
    "start": {ALWAYS: ["times_imports=1e9"], NEVER: ["times_imports=0"]},
    "growth": {ALWAYS: ["exponent=1e9"], NEVER: ["exponent=-1e9"]},
    "memory": {ALWAYS: ["growth_mb=1e9"], NEVER: ["growth_mb=-1e9"]},
    "cores": {ALWAYS: ["times_small=1e9"], NEVER: ["times_small=0"]},
    "sweep": {ALWAYS: ["times_batch=0"], NEVER: ["times_batch=1e9"]},
    "save": {
        ALWAYS: ["times_orm=0", "times_executemany=0", "growth_mb=1e9"],
        NEVER: ["times_orm=1e9"],
    },
    "bookkeeping": {ALWAYS: ["times_stock=1e9"], NEVER: ["times_stock=0"]},
    "main_job": {
        ALWAYS: ["times_empty=1e9", "times_stock_empty=1e9"],
        NEVER: ["times_empty=0"],
    },
    "thousand": {ALWAYS: ["seconds=1e9", "memory_mb=1e9"], NEVER: ["seconds=0"]},
    "imports": {ALWAYS: ["times_dagster=1e9"], NEVER: ["times_dagster=0"]},
    "sessions": {
        ALWAYS: ["seconds=1e9", "times_stock=0"],
        NEVER: ["seconds=0"],
    },
    "passes": {
        ALWAYS: ["times_cold=0", "times_forced=0", "times_joblib=0"],
        NEVER: ["times_cold=1e9"],
    },
    "budget": {
        ALWAYS: ["refused=1e9", "used=0", "used_database=0"],
        NEVER: ["used=1e9"],
    },
    "load": {ALWAYS: ["times_scan=1e9", "growth_mb=1e9"], NEVER: ["times_scan=0"]},
}
JUDGED = sorted(LIMITS)
TOLD = sorted(set(QUESTIONS) - set(LIMITS))


def _run(name: str, results: Path, *options: str) -> subprocess.CompletedProcess[str]:
    command = [
        sys.executable,
        "-m",
        f"benchmarks.{QUESTIONS[name]}.{name}",
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


def _limits(name: str, kind: str) -> list[str]:
    return [part for limit in LIMITS.get(name, {}).get(kind, []) for part in ("--limit", limit)]


@pytest.mark.parametrize("name", [*JUDGED, *TOLD])
def test_a_benchmark_that_keeps_its_limits_reports_and_exits_with_0(name: str, tmp_path: Path):
    done = _run(name, tmp_path, *_limits(name, ALWAYS))
    assert done.returncode == 0, done.stdout + done.stderr
    record = Record.read(tmp_path / f"{name}.json")
    assert record.report.tables
    assert all(row for table in record.report.tables for row in table.rows)
    assert {verdict.status for verdict in record.report.verdicts} <= {"met", "not judged"}
    assert bool(record.report.verdicts) == (name in LIMITS)
    assert record.machine["Cores"]


@pytest.mark.parametrize("name", JUDGED)
def test_a_benchmark_that_misses_a_limit_reports_and_exits_with_1(name: str, tmp_path: Path):
    done = _run(name, tmp_path, *_limits(name, NEVER))
    assert done.returncode == 1, done.stdout + done.stderr
    assert "MISSED" in done.stdout
    assert Record.read(tmp_path / f"{name}.json").report.missed


def test_a_limit_that_does_not_exist_is_refused_with_those_that_do(tmp_path: Path):
    done = _run("sweep", tmp_path, "--limit", "speed=1")
    assert done.returncode == 2
    assert "there is no limit 'speed'; there are: times_batch" in done.stderr


def test_all_of_them_make_a_page_and_it_is_not_the_one_in_docs(tmp_path: Path):
    before = (ROOT / "docs" / "benchmarks.md").read_bytes()
    command = [sys.executable, "-m", "benchmarks", "stages", "--quick", "--rounds", "1"]
    subprocess.run([*command, "--results", str(tmp_path)], cwd=ROOT, check=True)
    assert "## Where does the time of a backtest go?" in (tmp_path / "benchmarks.md").read_text()
    assert (ROOT / "docs" / "benchmarks.md").read_bytes() == before


def test_every_file_of_a_room_that_asks_a_question_is_on_the_page():
    for room in set(QUESTIONS.values()):
        files = (ROOT / "benchmarks" / room).glob("*.py")
        asking = {path.stem for path in files if "QUESTION = Question(" in path.read_text()}
        assert {name for name, its in QUESTIONS.items() if its == room} == asking
