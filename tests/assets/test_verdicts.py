"""Verdicts: reached in a run of the universe, and shown wherever strategies are ranked."""

import io
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import dagster as dg
import polars as pl
import pytest
from rich.console import Console

from assets.markdown import render_markdown
from assets.verdicts import SHOWN
from engine.code_version import code_version
from pipelines.cli.summary import print_leaderboard
from research.verdicts.rows import VERDICTS_SCHEMA
from strategies.registry import get_strategy, registered_strategies
from tests.postgres import fresh_database
from tests.project import END, FEW_ASSETS, Project
from tests.resources.result_store.test_verdicts import NOTHING, reached

NAMES = ("macd", "rsi")
ALL = len(registered_strategies())
JUDGED = tuple(f"{kind}/{name}" for kind in ("optimizations", "walk_forward") for name in NAMES)
EVERYTHING = (*FEW_ASSETS, *JUDGED, "verdicts")
FOLDS = {"train": 60, "test": 30}


def _walk_forward(**folds: Any) -> dict[str, Any]:
    return {"ops": {"walk_forward": {"config": FOLDS | folds}}}


@dataclass(frozen=True)
class Judged:
    """A run of two strategies over the universe, and the CSV file of its leaderboard."""

    project: Project
    run: dg.ExecuteInProcessResult
    table: pl.DataFrame


@pytest.fixture(scope="module")
def judged(server: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Judged]:
    """Lend a project with a run, and its verdicts."""
    folder = tmp_path_factory.mktemp("judged")
    with fresh_database(server) as database, Project.opened(folder, database) as project:
        run = project.run(selection=EVERYTHING, run_config=_walk_forward())
        assert run.success, project.why(run)
        yield Judged(project, run, _table(run))


def _shown(result: dg.ExecuteInProcessResult, asset: str) -> dict[str, Any]:
    (made,) = result.asset_materializations_for_node(asset)
    return {name: one.value for name, one in made.metadata.items()}


def _steps(result: dg.ExecuteInProcessResult) -> list[str | None]:
    return [one.step_key for one in result.all_events if one.is_step_success]


def _table(result: dg.ExecuteInProcessResult) -> pl.DataFrame:
    return pl.read_csv(_shown(result, "leaderboard")["table_path"])


def _printed(project: Project, run_id: str) -> list[list[str]]:
    """Return the words of the lines that the terminal shows of both strategies."""
    file = io.StringIO()
    print_leaderboard(Console(file=file, width=200), project.manager, run_id)
    lines = [line.split() for line in file.getvalue().splitlines()]
    return [line for line in lines if len(line) > 3 and line[1] in NAMES]


def test_a_run_judges_what_its_leaderboard_shows(judged: Judged):
    project, run = judged.project, judged.run
    steps = _steps(run)
    assert steps.index("verdicts") < steps.index("leaderboard")
    found = project.manager.get_verdicts(run.run_id)
    assert found.schema == VERDICTS_SCHEMA
    assert found["strategy"].to_list() == sorted(registered_strategies())
    macd, rsi = found.filter(pl.col("strategy").is_in(NAMES)).to_dicts()
    tried = project.manager.get_trials(end_date=END, protocol="backtest")
    for one in (macd, rsi):
        assert one["verdict"] == "rejected"
        assert one["trials"] == tried.filter(strategy=one["strategy"]).height
        assert (one["walk_forward_protocols"], one["source"]) == (1, "files")
    (other,) = found.filter(strategy="bollinger").to_dicts()
    assert (other["trials"], other["reason"]) == (0, "nothing of it was tried")
    shown = _shown(run, "verdicts")
    assert (shown["rejected_strategies"], shown["deployable_strategies"]) == (ALL, 0)
    assert shown["competing_trials"] == rsi["competing_trials"] <= len(tried)
    assert shown["verdicts"] == render_markdown(found.select(SHOWN))
    assert judged.table["verdict"].to_list() == ["rejected"] * 2
    assert _shown(run, "leaderboard")["ranking"].count("|rejected|") == 2
    assert [line[2] for line in _printed(project, run.run_id)] == ["rejected"] * 2
    check = project.checks(run)["leaderboard", "strategies_hold_up"]
    assert (check.passed, check.severity.value) == (False, "WARN")
    assert check.description == (
        f"Of {ALL} strategies: {ALL} rejected, 0 promising, 0 deployable. Promotion is off."
    )
    (line,) = str(check.metadata["offenders"].value).splitlines()
    assert line.startswith("- `rejected` ")
    assert sorted(line.removeprefix("- `rejected` ").split(", ")) == sorted(registered_strategies())


def test_promotion_stops_where_a_strategy_is_not_deployable(judged: Judged):
    project = judged.project
    # Newer than those of the run, on what the leaderboard is of.
    (scope,) = set(project.manager.get_verdicts(judged.run.run_id)["scope_id"])
    planted = [reached("rsi"), reached("macd", **NOTHING)]
    versions = {one.strategy: code_version(get_strategy(one.strategy)) for one in planted}
    project.manager.save_verdicts("planted", UUID(scope), planted, versions)
    asked = {"resources": {"thresholds": {"config": {"promotion": "deployable"}}}}
    result = project.run(selection=["backtest_summaries", "leaderboard"], run_config=asked)
    assert not result.success
    check = project.checks(result)["leaderboard", "strategies_hold_up"]
    assert (check.passed, check.severity.value) == (False, "ERROR")
    assert check.description == (
        f"Of {ALL} strategies: {ALL - 2} rejected, 1 promising, 1 deployable; "
        "promotion asks for deployable."
    )
    offenders = str(check.metadata["offenders"].value)
    assert "- `promising` macd" in offenders
    assert " rsi," not in offenders
    expected = {"macd": "promising", "rsi": "deployable"}
    assert dict(_table(result).select("strategy", "verdict").rows()) == expected
    assert {line[1]: line[2] for line in _printed(project, result.run_id)} == expected
    with project.manager.engine.connect() as connection:
        view = connection.exec_driver_sql("SELECT strategy, verdict FROM leaderboard").all()
    assert dict(map(tuple, view)) == expected


def test_a_leaderboard_that_could_be_first_has_its_own_verdicts(judged: Judged):
    # Older ones, planted by the test before, say otherwise; nothing but research comes before it.
    project, selection = judged.project, ["leaderboard", *JUDGED, "verdicts"]
    result = project.run(None, selection=selection, run_config=_walk_forward())
    assert result.success, project.why(result)
    assert _steps(result)[-2:] == ["leaderboard", "leaderboard_checks"]
    found = project.manager.get_verdicts(result.run_id).filter(pl.col("strategy").is_in(NAMES))
    assert set(found["verdict"]) == {"rejected"}
    assert set(_table(result)["verdict"]) == {"rejected"}


def test_a_research_step_that_fails_leaves_a_leaderboard(judged: Judged):
    project, selection = judged.project, ["backtest_summaries", "leaderboard", *JUDGED, "verdicts"]
    result = project.run(selection=selection, run_config=_walk_forward(choice="plato"))
    assert "choice is 'plato'" in project.why(result)
    assert not result.success
    steps = _steps(result)
    assert "leaderboard" in steps
    assert "verdicts" not in steps
    board = project.manager.get_leaderboard(result.run_id)
    # Not those that an earlier run reached on the same, which are there.
    assert board.select("strategy", "verdict").sort("strategy").rows() == [
        ("macd", None),
        ("rsi", None),
    ]
    logged = [one.user_message for one in project.instance.all_logs(result.run_id)]
    assert "no verdicts on the leaderboard: this run has reached none before it" in logged


def test_verdicts_without_a_sweep_say_what_to_materialize(judged: Judged):
    project = judged.project
    dearer = {"resources": {"run_settings": {"config": {"fees": 0.002}}}}
    result = project.run(None, selection=["verdicts"], run_config=dearer)
    assert not result.success
    assert project.why(result) == (
        "verdicts: Nothing was tried on these prices, window and settings: materialize "
        "optimizations first."
    )
