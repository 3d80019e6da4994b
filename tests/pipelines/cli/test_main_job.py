"""`make run` in real processes and a new folder: output, exit codes and results."""

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import dagster as dg
import polars as pl
import pytest

from resources.result_store.connection import create_engine_for, parse_url
from resources.result_store.manager import BacktestPersistenceManager
from strategies.registry import registered_strategies
from tests.pipelines.cli.command import (
    SYMBOLS,
    environment,
    history,
    lay_out,
    log_of,
    materialized,
    run_main_job,
    start_main_job,
)

HELD_WITHIN = 120.0
_FAULT = """
from pathlib import Path
from resources.run_artifacts.backtest_files import BacktestFiles
def write(self, *rest):
    {body}
BacktestFiles.write = write
"""
HOLD = _FAULT.format(body="import time; Path('held').touch(); time.sleep(600)")
FULL = _FAULT.format(
    body="import warnings; print('stray'); warnings.warn('odd'); raise OSError('the disk is full')"
)
BROKEN_DEFINITIONS = """
import pipelines.definitions
def build(*_, **__): raise TypeError("two\\nlines")
pipelines.definitions.build_checks = build
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a project's folder with a small universe."""
    lay_out(tmp_path, SYMBOLS)
    return tmp_path


def test_a_run_prints_the_leaderboard_and_where_results_are(folder: Path, database: str):
    done = run_main_job(folder, database)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stderr == ""
    lines = done.stdout.splitlines()
    strategies = len(registered_strategies())
    assert lines[0] == (
        f"7 symbols x {strategies} strategies, source synthetic, 2023-01-01 to 2023-12-31"
    )
    assert "  backtests           7 of 7 symbols in" in done.stdout
    assert "  leaderboard         7 of 7 symbols in" in done.stdout
    # Prices are made up: no strategy has anything to find in them.
    checks = [line.split()[1] for line in lines if line.startswith("Check ")]
    assert checks == ["strategies_hold_up"]
    assert len(lines) < 46 + strategies
    # Only what is to be copied may be longer: an address, a command.
    copied = ("results", "See it", "Report")
    assert max(len(line) for line in lines if not line.startswith(copied)) <= 80
    for place in (".data/prices", ".data/backtests", ".data/reports", ".data/logs/main-job-"):
        assert f" {place}" in done.stdout
    found = {path.name: path for path in (folder / ".data/reports").iterdir()}
    pages = found.pop(lines[-1].split("/")[2])
    assert lines[-1] == f"Report: .data/reports/{pages.name}/index.html"
    assert (pages / "index.html").is_file()
    assert found.pop("next_positions.csv").is_file()
    (report,) = found.values()
    assert f" .data/reports/{report.name}\n" in done.stdout
    assert {path.name for path in report.iterdir()} == {"leaderboard.csv", "leaderboard.svg"}
    assert len(list((folder / ".data/prices/synthetic").glob("*.parquet"))) == 7
    assert (folder / ".data/dagster/history").exists()
    engine = create_engine_for(parse_url(database))
    manager = BacktestPersistenceManager(engine)
    ranking, trials = manager.get_leaderboard(), manager.get_trials().height
    assert trials > strategies, "those of the sweeps too"
    assert ranking["symbols"].to_list() == [7] * strategies
    engine.dispose()
    at = lines.index("Leaderboard")
    assert [line.split() for line in lines[at + 5 : at + 5 + strategies]] == [
        [_cell(row[name], form) for name, form in PRINTED.items()] for row in ranking.to_dicts()
    ]
    assert lines[at + 1] == "synthetic prices (made up, of no market), 2023-01-01 to 2023-12-31"
    made = ranking["made_at"][0]
    assert lines[at + 2] == (
        f"7 of 7 symbols; fees 0.1 %, slippage 0.1 % per fill; made {made:%Y-%m-%d %H:%M} UTC"
    )
    assert lines[at + 3] == f"rank 1 is the best of {strategies} strategies and {trials} trials"
    assert pl.read_csv(report / "leaderboard.csv", try_parse_dates=True).rows() == ranking.rows()
    _require_run_events(log_of(folder))
    _require_part_is_kept_apart(folder, database)


PRINTED = {
    "rank": "d",
    "strategy": "",
    "verdict": "",
    "ranked_symbols": "d",
    "median_sharpe_ratio": ".2f",
    "median_total_return": "+.1%",
    "median_annualized_return": "+.1%",
    "worst_max_drawdown": ".0%",
    "total_trades": "d",
    "share_beating_benchmark": ".0%",
}


def _cell(value: float | str | None, form: str) -> str:
    shown = "-" if value is None else format(value, form)
    return shown[1:] if re.fullmatch(r"[+-]0(\.0+)?%", shown) else shown


def _require_part_is_kept_apart(folder: Path, database: str) -> None:
    """Require that a run of one symbol, on another window, leaves the shared leaderboard."""
    engine = create_engine_for(parse_url(database))
    before = BacktestPersistenceManager(engine).get_leaderboard()
    part = {"GAUNTLET_START": "2023-02-01"}
    done = run_main_job(folder, database, "--symbol", "AAPL", **part)
    assert done.returncode == 0, done.stdout + done.stderr
    lines = done.stdout.splitlines()
    assert lines[lines.index("Leaderboard") + 2].startswith("1 of 7 symbols; ")
    assert "Kept apart: the shared leaderboard is of more of its universe, and stays." in lines
    (report,) = (folder / ".data/reports/part").iterdir()
    assert report.name.startswith("synthetic_2023-02-01_2023-12-31_")
    assert f" .data/reports/part/{report.name}\n" in done.stdout
    assert BacktestPersistenceManager(engine).get_leaderboard().equals(before)
    engine.dispose()


def _unwrapped(output: str) -> str:
    return " ".join(output.split())


def _require_run_events(log: str) -> None:
    assert " INFO prices - 7 of 7 symbols in " in log
    assert " DEBUG backtests - STEP_SUCCESS - " in log
    assert " - ASSET_CHECK_EVALUATION - Asset check 'success_rate_above_threshold' on " in log
    assert "ASSET_MATERIALIZATION" not in log, "2,700 lines in a run over the universe"
    assert log.count("\n") < 20 * len(registered_strategies())


def test_failed_symbols_are_named_and_the_others_ranked(folder: Path, database: str):
    prices = _prices(folder, SYMBOLS[:6])
    with (folder / "universe.csv").open("a") as universe:
        universe.write("=SUM(A1)\n")
    files = {"GAUNTLET_SOURCE": "files", "GAUNTLET_PRICES": str(prices)}
    refused = run_main_job(folder, database, **files)
    assert refused.returncode == 2
    assert "universe.csv, line 9: '=SUM(A1)' is not a symbol" in _unwrapped(refused.stderr)
    files["GAUNTLET_SKIP_BAD_ROWS"] = "1"
    done = run_main_job(folder, database, GAUNTLET_SYMBOLS_PER_RUN="2", **files)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "line 9: '=SUM(A1)' is not a symbol" in _unwrapped(done.stdout)
    assert "1 symbols failed:" in done.stdout
    assert "prices: NVDA:" in done.stdout
    others = len(registered_strategies())
    assert (
        f"Check success_rate_above_threshold of prices and {others} more assets warns: 6 of 7 "
        "symbols succeeded: 85.7%, limit 85%, warns below 100%. Failed: NVDA."
    ) in _unwrapped(done.stdout)
    assert "Leaderboard" in done.stdout
    assert materialized(folder, "prices") == set(SYMBOLS[:6])
    with history(folder) as instance:
        (run,) = instance.get_runs()
    assert run.job_name == "__ASSET_JOB"
    assert run.run_config == {}
    assert dg.AssetKey("leaderboard") in (run.asset_selection or ())


def test_a_failed_check_prints_one_line_and_exits_with_1(folder: Path, database: str):
    prices = _prices(folder, SYMBOLS[:4])
    done = run_main_job(folder, database, GAUNTLET_SOURCE="files", GAUNTLET_PRICES=str(prices))
    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    assert line.startswith(
        "Failed: check success_rate_above_threshold of prices failed. "
        "4 of 7 symbols succeeded: 57.1%, limit 85%."
    )
    assert "Leaderboard" not in done.stdout
    told = _unwrapped(done.stdout)
    assert "Check success_rate_above_threshold of prices failed: 4 of 7 symbols" in told
    assert "What to do: Fix the cause that the offenders name, then materialize" in told


def test_a_limit_of_the_environment_fails_the_run(folder: Path, database: str):
    limit = "GAUNTLET_LIMIT_WALL_SECONDS"
    limits = {limit: "0.002", f"{limit}_WARNING": "0.001"}
    done = run_main_job(folder, database, "--symbol", "AAPL", **limits)
    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    assert line.startswith("Failed: check wall_time_below_threshold of backtests/")
    assert "ERROR backtests_checks - STEP_FAILURE" in log_of(folder)
    assert materialized(folder, "backtests", "rsi") == {"AAPL"}
    assert materialized(folder, "backtest_summaries") == set()


def test_an_error_in_a_step_prints_one_line_and_is_logged(folder: Path, database: str):
    process = start_main_job(folder, database, FULL)
    shown, errors = process.communicate()
    assert process.returncode == 1
    (line,) = errors.splitlines()
    assert line.startswith("Failed: backtests: OSError: the disk is full (log: ")
    assert "stray" not in shown
    log = log_of(folder)
    assert "ERROR backtests - STEP_FAILURE" in log
    assert '  File "<string>", line' in log, "the traceback"
    assert "UserWarning: odd" in log
    assert materialized(folder, "prices") == set(SYMBOLS)


def test_an_error_in_definitions_prints_one_line_and_is_logged(folder: Path, database: str):
    process = start_main_job(folder, database, BROKEN_DEFINITIONS)
    _, errors = process.communicate()
    assert process.returncode == 1
    (line,) = errors.splitlines()
    assert line.startswith("Failed: TypeError: two lines (log: ")
    assert "Traceback (most recent call last)" in log_of(folder)


def test_an_interrupted_run_is_canceled_and_keeps_its_results(folder: Path, database: str):
    process = start_main_job(folder, database, HOLD)
    deadline = time.monotonic() + HELD_WITHIN
    while not (folder / "held").exists():
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    shown, errors = process.communicate()
    assert process.returncode == 130, shown
    assert errors.splitlines() == ["Interrupted; what was finished is kept."]
    with history(folder) as instance:
        (run,) = instance.get_runs()
    assert run.status == dg.DagsterRunStatus.CANCELED
    assert materialized(folder, "prices") == set(SYMBOLS)
    assert materialized(folder, "backtests", "rsi") == set()


def test_a_list_of_symbols_takes_few_runs_and_one_leaderboard(folder: Path, database: str):
    done = run_main_job(
        folder,
        database,
        *("--symbol", " TSLA,AAPL , MSFT", "--port", "3007"),
        GAUNTLET_LIMIT_WALL_SECONDS="60",
    )
    assert done.returncode == 0, done.stdout + done.stderr
    lines = done.stdout.splitlines()
    assert lines[0].startswith("3 symbols x ")
    runs = ["Run 1 of 3: AAPL to MSFT", "Run 2 of 3: TSLA", "Run 3 of 3: leaderboard"]
    assert [line for line in lines if line.startswith("Run ")] == runs
    assert "  leaderboard         3 of 7 symbols in" in done.stdout
    # What is printed at the end is what that last run has made.
    board = done.stdout.partition("\nLeaderboard\n")[2].splitlines()
    assert board[1].startswith("3 of 7 symbols; fees 0.1 %, slippage 0.1 % per fill; made ")
    first = next(line.split() for line in board if line.startswith("1 "))
    assert first[2:4] == ["-", "3"], "no verdict on less than the universe; ranked symbols"
    settings = "START=2023-01-01 GAUNTLET_LIMIT_WALL_SECONDS=60"
    # Reports are of the whole universe, unless somebody asks for one.
    assert lines[-3:-1] == [
        f"See it: make ui {settings} PORT=3007, with the same DATABASE_URL, then",
        "http://127.0.0.1:3007/assets/leaderboard",
    ]
    assert lines[-1].startswith("Report: none yet: make report RUN=")
    assert lines[-1].endswith(f" {settings}, with the same DATABASE_URL")
    with history(folder) as instance:
        made = [(run.asset_selection or set(), run.tags) for run in instance.get_runs()]
    by_symbol = 2 + len(registered_strategies())  # prices and summaries
    assert sorted(len(assets) for assets, _ in made) == [1, by_symbol, by_symbol]
    assert materialized(folder, "prices") == {"AAPL", "MSFT", "TSLA"}


def test_a_run_that_fails_stops_the_leaderboard_not_the_others(folder: Path, database: str):
    prices = _prices(folder, ["META"])
    files = {"GAUNTLET_SOURCE": "files", "GAUNTLET_PRICES": str(prices)}
    done = run_main_job(folder, database, "--symbol", "GOOGL,META", **files)
    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    assert line.startswith("Failed: GOOGL: ")
    assert "1 symbols failed:" in done.stdout
    assert "leaderboard" not in done.stdout
    assert materialized(folder, "backtest_summaries") == {"META"}


def test_a_run_goes_on_when_its_output_has_no_reader(folder: Path, database: str):
    read, written = os.pipe()
    os.close(read)
    full = os.open("/dev/full", os.O_WRONLY)
    for output, symbol in ((written, "AAPL"), (full, "MSFT")):
        done = subprocess.run(
            [sys.executable, "-m", "pipelines.cli.main_job", "--symbol", symbol],
            cwd=folder,
            env=environment(database),
            stdout=output,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
        os.close(output)
        assert (done.returncode, done.stderr) == (0, "")
    assert materialized(folder, "backtest_summaries") == {"AAPL", "MSFT"}


def test_help_lists_the_settings():
    done = subprocess.run(
        [sys.executable, "-m", "pipelines.cli.main_job", "--help"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert "GAUNTLET_SOURCE" in done.stdout
    assert "DATABASE_URL" in done.stdout


def _prices(folder: Path, symbols: list[str]) -> Path:
    from datetime import date

    from resources.market_data.sources.synthetic import SyntheticSource

    prices = folder / "csv"
    prices.mkdir()
    for symbol in symbols:
        bars = SyntheticSource().fetch(symbol, date(2022, 1, 3), date(2023, 12, 31))
        bars.drop("adjustment").write_csv(prices / f"{symbol}.csv")
    return prices
