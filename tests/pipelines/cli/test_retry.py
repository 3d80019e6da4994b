"""`make retry` in real processes: exactly what failed or is missing is run."""

import subprocess
import sys
from pathlib import Path

import dagster as dg
import pytest

from pipelines.partitions import select_partition_tags
from resources.result_store.resource import ResultStore
from strategies.registry import registered_strategies
from tests.pipelines.cli.command import SYMBOLS, environment, history, lay_out
from tests.project import write_good, write_impossible

FIRST, SECOND = SYMBOLS[1], SYMBOLS[4]
"""Not neighbours: no run over a range is of both, and of no other."""
BACKTESTS = [f"backtests/{name}" for name in registered_strategies()]
RESEARCH = [
    "forward_record",
    "verdicts",
    "tear_sheets",
    *(
        f"{kind}/{name}"
        for kind in ("optimizations", "walk_forward", "robustness", "portfolios")
        for name in registered_strategies()
    ),
]


@pytest.fixture
def files(tmp_path: Path) -> dict[str, str]:
    """Return the settings of a project whose symbols have good files."""
    lay_out(tmp_path, SYMBOLS)
    (tmp_path / "csv").mkdir()
    for symbol in SYMBOLS:
        write_good(tmp_path / "csv" / f"{symbol}.csv")
    return {
        "GAUNTLET_SOURCE": "files",
        "GAUNTLET_PRICES": str(tmp_path / "csv"),
        "GAUNTLET_START": "2022-06-01",
        "GAUNTLET_END": "2022-12-30",
        "GAUNTLET_LIMIT_SUCCESS_RATE": "0.5",
    }


def _retry(
    folder: Path, database: str | None, **variables: str
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "pipelines.cli.retry"],
        cwd=folder,
        env=environment(database, **variables),
        capture_output=True,
        text=True,
        check=False,
    )


def _newest_runs(folder: Path, count: int) -> list[tuple[str, set[str]]]:
    """Return partitions and assets of the newest runs, in their order."""
    with history(folder) as instance:
        runs = instance.get_runs(limit=count)
    return [
        (
            " to ".join(select_partition_tags(run.tags).values()),
            {key.to_user_string() for key in run.asset_selection or ()},
        )
        for run in reversed(runs)
    ]


def _sharpe_ratios_of_portfolios(
    folder: Path, database: str
) -> tuple[dict[str, float | None], dict[str, float | None]]:
    """Return those that the leaderboard of the newest run shows, and those that it made itself."""
    with history(folder) as instance:
        (run_id,) = instance.get_run_ids(limit=1)
    manager = ResultStore(database_url=database, home=str(folder)).manager()
    board, scope = manager.get_leaderboard(run_id), manager.get_leaderboard_scope(run_id)
    assert scope, "it has none"
    made = manager.find_portfolios(scope, [run_id])
    shown = dict(zip(board["strategy"], board["portfolio_sharpe"], strict=True))
    return shown, {name: sharpe for name, (_, sharpe) in made.items()}


def test_exactly_what_failed_or_is_missing_is_run(
    tmp_path: Path, database: str, files: dict[str, str]
):
    for symbol in (FIRST, SECOND):
        write_impossible(tmp_path / "csv" / f"{symbol}.csv")
    done = _retry(tmp_path, database, **files)
    assert done.returncode == 0, "everything is missing at first"
    ((whole, assets),) = _newest_runs(tmp_path, 9)
    assert whole == f"{SYMBOLS[0]} to {SYMBOLS[-1]}"
    assert {"prices", "leaderboard", *BACKTESTS, *RESEARCH} <= assets

    write_good(tmp_path / "csv" / f"{FIRST}.csv")
    done = _retry(tmp_path, database, **files)
    assert done.returncode == 1, done.stdout + done.stderr
    assert done.stdout.splitlines()[0] == (
        f"2 symbols failed or are missing, source files, 3 runs: {FIRST}, {SECOND}"
    )
    assert f"\nRun 2 of 3: {SECOND}\n" in done.stdout
    assert "Run 3 of 3" not in done.stdout, "research waits for all symbols"
    assert f"prices: {SECOND}: bad bar on 2022-12-30: high is below low" in done.stdout
    (line,) = done.stderr.splitlines()
    assert line.startswith(f"Failed: {SECOND}: prices: BadBarsError: {SECOND}: bad bar on 2022-12")
    assert "Leaderboard" in done.stdout, "of the run that succeeded"
    assert f" {len(SYMBOLS) - 1} " in done.stdout
    of_symbols = assets.difference(RESEARCH)
    assert _newest_runs(tmp_path, 2) == [(FIRST, of_symbols), (SECOND, of_symbols)]

    write_good(tmp_path / "csv" / f"{SECOND}.csv")
    with history(tmp_path) as instance:
        instance.wipe_assets([dg.AssetKey(BACKTESTS[0].split("/"))])
    done = _retry(tmp_path, database, **files)
    assert (done.returncode, done.stderr) == (0, "")
    few = {BACKTESTS[0], "backtest_summaries", "leaderboard"}
    assert _newest_runs(tmp_path, 4) == [
        (SECOND, of_symbols),
        (f"{SYMBOLS[0]} to {SYMBOLS[3]}", few),
        (f"{SYMBOLS[5]} to {SYMBOLS[6]}", few),
        ("", {"leaderboard", *RESEARCH}),
    ]
    assert done.stdout.count("\nLeaderboard\n") == 1
    assert f"{len(SYMBOLS)} of {len(SYMBOLS)} symbols;" in done.stdout
    shown, made = _sharpe_ratios_of_portfolios(tmp_path, database)
    assert shown == made, "by the research of the last run"
    done = _retry(tmp_path, database, **files)
    assert (done.returncode, done.stdout) == (0, "Nothing failed, and nothing is missing.\n")


@pytest.mark.parametrize(
    ("variables", "message"),
    [
        ({"GAUNTLET_SOURCE": "bloomberg"}, "GAUNTLET_SOURCE=bloomberg is unknown"),
        ({"DAGSTER_HOME": "/nowhere"}, "Dagster's history can't be read: DagsterInvariantViol"),
    ],
)
def test_what_can_not_begin_is_refused_in_one_line(
    tmp_path: Path, database: str, variables: dict[str, str], message: str
):
    lay_out(tmp_path, SYMBOLS)
    done = _retry(tmp_path, database, **variables)
    assert done.returncode == 2
    (line,) = done.stderr.splitlines()
    assert line.startswith(f"Refused: {message}")
