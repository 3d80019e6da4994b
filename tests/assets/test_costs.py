"""A composition of costs from run config to the leaderboard, and what twice the costs leave."""

import json
from typing import Any

from rich.console import Console

from assets.asset_keys import LEADERBOARD_KEY, OTHER_LEADERBOARDS_KEY
from pipelines.cli.summary import print_leaderboard
from resources.run_artifacts.research_files import ResearchFiles
from tests.assets.test_leaderboard import newest, table
from tests.project import FEW_ASSETS, SYMBOLS, Project

COSTS: list[dict[str, Any]] = [
    {"model": "per_share", "rate": 0.005, "minimum": 1, "maximum": 0.01},
    {"model": "half_spread", "basis_points": 5},
    {"model": "square_root_impact", "volume_share": 0.05},
    {"model": "cash_interest", "rates": {"2022-01-01": 0.01, "2022-09-01": 0.03}},
    {"model": "lots"},
]
WORDS = (
    "fees 0.005 per share (at least 1, at most 1 % of the value per order), half-spread 5 bp, "
    "impact 1 x volatility x sqrt(volume share), at most 5 % of a bar's volume, "
    "cash earns 1 to 3 % per year, whole shares"
)
RANGES = {"rsi": {"period": [5, 7, 14]}, "macd": {"fast_period": [8, 12]}}
TESTED = tuple(f"{stage}/{name}" for stage in ("optimizations", "robustness") for name in RANGES)


def _configure(costs: list[dict[str, Any]] | None, **ops: Any) -> dict[str, Any]:
    return {"ops": ops, "resources": {"run_settings": {"config": {"costs": costs}}}}


def test_costs_of_run_config_are_stored_shown_and_balance(project: Project):
    result = project.run((SYMBOLS[0], SYMBOLS[2]), run_config=_configure(COSTS))
    assert result.success, project.why(result)
    checks = project.checks(result)
    for name in ("rsi", "macd"):
        assert checks[f"backtests/{name}", "accounts_balance"].passed
        assert checks[f"backtests/{name}", "signals_are_filled"].passed
    shown = newest(project, OTHER_LEADERBOARDS_KEY)
    assert shown["costs"] == WORDS
    (row, *_) = table(shown).to_dicts()
    assert (row["fees"], row["slippage"]) == (None, None)
    assert [one["model"] for one in json.loads(row["costs"])] == [one["model"] for one in COSTS]
    assert (row["residual_sharpe_ratio"], row["doubled_costs_sharpe_ratio"]) == (None, None)
    stored = project.manager.get_ranked_backtests(
        project.manager.get_leaderboard_scope(shown["run_id"])  # pyright: ignore[reportArgumentType]
    )
    backtests = project.manager.get_backtests_by_ids(stored["backtest_id"].to_list())
    assert (backtests["total_interest"] > 0).all()
    assert "fees" not in json.loads(backtests["settings"][0])


def test_costs_that_are_not_allowed_stop_a_run_in_one_line(project: Project):
    result = project.run(run_config=_configure([{"model": "per_shar", "rate": 1}]))
    assert not result.success
    assert "costs: there is no model 'per_shar'. Did you mean 'per_share'?" in project.why(result)


def test_the_leaderboard_has_each_strategy_at_twice_the_costs(project: Project):
    config = _configure(None, optimizations={"config": {"ranges": RANGES}})
    result = project.run(selection=(*FEW_ASSETS, *TESTED), run_config=config)
    assert result.success, project.why(result)
    run = project.manager.get_run(result.run_id)
    assert run is not None
    files = ResearchFiles(project.resource("backtest_files").root, "robustness")
    board = table(newest(project, LEADERBOARD_KEY))
    assert set(board["strategy"]) == set(RANGES)
    for row in board.iter_rows(named=True):
        stored = files.find(row["strategy"], run["profile"]["robustness"]["files"][row["strategy"]])
        assert stored is not None
        assert row["residual_sharpe_ratio"] == stored["own"]["annual_sharpe"]
        assert row["doubled_costs_sharpe_ratio"] == stored["doubled_costs"]["annual_sharpe"]
        assert row["doubled_costs_sharpe_ratio"] < row["residual_sharpe_ratio"]
    # Made again alone, it has them still.
    assert project.run(None, selection=["leaderboard"]).success
    assert table(newest(project, LEADERBOARD_KEY)).drop("made_at").equals(board.drop("made_at"))
    wide, narrow = (_print(project, result.run_id, width) for width in (120, 60))
    assert "doubled: the same at twice the costs" in wide
    assert "doubled: the same" not in narrow
    assert "Not shown for lack of room, and in leaderboard.csv: " in narrow
    for row in board.iter_rows(named=True):
        assert f"{row['doubled_costs_sharpe_ratio']:.2f}" in wide


def _print(project: Project, run_id: str, width: int) -> str:
    console = Console(record=True, width=width)
    print_leaderboard(console, project.manager, run_id)
    return console.export_text()
