"""The leaderboard: a ranking, a table and a plot, of the symbols of the universe only."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import date
from html import escape
from pathlib import Path
from typing import Any

import dagster as dg
import polars as pl
import sqlalchemy as sa

from assets.asset_keys import LEADERBOARD_KEY, OTHER_LEADERBOARDS_KEY
from assets.leaderboard_report import SHOWN
from assets.markdown import render_markdown
from pipelines.definitions import build_defs
from research.leaderboard_caption import build_caption
from resources.config.run_purpose import PURPOSE_TAG
from strategies.registry import registered_strategies
from tests.project import SYMBOLS, Project

DEARER = {"resources": {"run_settings": {"config": {"fees": 0.002}}}}


def newest(project: Project, key: dg.AssetKey = LEADERBOARD_KEY) -> Mapping[str, Any]:
    """Return what the UI shows of an asset: the newest materialization's metadata, and its run."""
    event = project.instance.get_latest_materialization_event(key)
    assert event is not None
    assert event.asset_materialization is not None
    shown = event.asset_materialization.metadata
    return {name: one.value for name, one in shown.items()} | {"run_id": event.run_id}


def table(shown: Mapping[str, Any]) -> pl.DataFrame:
    """Return the CSV file of a leaderboard."""
    return pl.read_csv(shown["table_path"], try_parse_dates=True)


def assert_shows_the_store(project: Project, shown: Mapping[str, Any]) -> None:
    """Require that table, ranking and plot of a leaderboard are of the rows in the store."""
    board = project.manager.get_leaderboard(shown["run_id"])
    scope = project.manager.get_leaderboard_scope(shown["run_id"])
    assert scope is not None
    heading, _, ranking = shown["ranking"].partition("\n\n")
    tries = f"best of {board.height} strategies and {shown['trials']} trials"
    assert heading == f"Rank 1 is the {tries}."
    assert ranking == render_markdown(board.select(SHOWN.keys()).rename(SHOWN), digits=2)
    found = table(shown)
    assert found.columns == board.columns
    assert found.rows() == board.rows()
    caption = escape("; ".join(build_caption(scope, board)))
    plot = Path(shown["plot_path"]).read_text()
    assert f"<desc>{caption}</desc>" in plot
    assert f" {shown['trials']} trials</text>" in plot


def test_the_leaderboard_has_table_and_plot_of_the_universe(project: Project):
    result = project.run((SYMBOLS[0], SYMBOLS[4]))
    check = project.checks(result)["leaderboard", "results_are_complete"]
    assert (check.passed, check.severity.value, result.success) == (False, "WARN", True)
    # Of all strategies two were run on five of twenty symbols.
    of = 20 * len(registered_strategies())
    assert check.description == (
        f"10 of {of} results of the universe are in it: {10 / of:.1%}, limit 0%, warns below 100%."
    )
    offenders = str(check.metadata["offenders"].value)
    assert "- `rsi` 5 of 20 symbols have a result, 0 of them stale" in offenders
    assert "- `bollinger` 0 of 20 symbols have a result, 0 of them stale" in offenders
    shown = newest(project)
    assert shown["symbols"] == "5 of 20 symbols"
    assert shown["trials"] == 2
    assert shown["prices"] == "prices of source files"
    assert shown["costs"] == "fees 0.1 %, slippage 0.1 % per fill"
    assert_shows_the_store(project, shown)
    board = table(shown)
    assert set(board["strategy"]) == {"rsi", "macd"}
    assert board["symbols"].to_list() == [5, 5]
    compared = ["covered_symbols", "universe_symbols", "fees", "slippage", "purpose", "source"]
    assert board.select(compared).rows() == [(5, 20, 0.001, 0.001, "pipeline", "files")] * 2
    rsi = pl.DataFrame(project.manager.get_backtests_by_strategy("rsi"))
    enough = rsi.filter(pl.col("closed_trades") >= 5)
    (row,) = board.filter(strategy="rsi").to_dicts()
    assert row["total_trades"] == rsi["total_trades"].sum()
    assert row["median_sharpe_ratio"] == enough["sharpe_ratio"].median()
    assert row["worst_max_drawdown"] == rsi["max_drawdown"].min()
    (project.folder / "universe.csv").write_text("symbol\nS00\nS01\n")
    (event,) = project.run("S00").asset_materializations_for_node("leaderboard")
    assert event.metadata["symbols"].value == "2 of 2 symbols"
    assert event.metadata["runs"].value == 2


def test_what_ifs_and_parts_are_kept_apart_from_the_leaderboard(project: Project):
    assert project.run().success
    before = _everything(project)
    assert newest(project)["symbols"] == "20 of 20 symbols"

    what_if = project.run("S03", run_config=DEARER)
    assert what_if.success, project.why(what_if)
    # The leaderboard's check still judges the shared one: two of all strategies, all symbols.
    check = project.checks(what_if)["leaderboard", "results_are_complete"]
    of = 20 * len(registered_strategies())
    assert check.description == (
        f"40 of {of} results of the universe are in it: {40 / of:.1%}, limit 0%, warns below 100%."
    )
    assert _everything(project) == before
    shown = newest(project, OTHER_LEADERBOARDS_KEY)
    assert shown["run_id"] == what_if.run_id
    assert shown["why"] == "the settings are not the configured ones"
    assert (shown["symbols"], shown["costs"]) == (
        "1 of 20 symbols",
        "fees 0.2 %, slippage 0.1 % per fill",
    )
    assert "/reports/what-if/files_2022-06-01_2022-12-31_" in shown["table_path"]
    assert_shows_the_store(project, shown)
    assert table(shown).select("symbols", "fees", "purpose").rows() == [(1, 0.002, "what_if")] * 2

    # What a what-if has computed stays a what-if's, whoever saves it later.
    later = project.run("S03", selection=["backtest_summaries", "leaderboard"])
    assert later.success, project.why(later)
    after = _everything(project)
    assert after["best"] == before["best"]
    assert after["latest"] == before["latest"]
    assert newest(project)["symbols"] == "20 of 20 symbols"

    # Of another window, configured, one symbol of twenty.
    settings = replace(project.settings, start=date(2022, 7, 1))
    part = project.run("S03", definitions=build_defs(settings, project.overrides()))
    assert part.success, project.why(part)
    # The view of the newest results is of whatever window and settings.
    assert _everything(project) | {"latest": after["latest"]} == after
    shown = newest(project, OTHER_LEADERBOARDS_KEY)
    assert shown["why"] == "1 of 20 symbols; the shared one has more"
    assert shown["window"] == "2022-07-01 to 2022-12-31"
    assert "/reports/part/files_2022-07-01_2022-12-31_" in shown["table_path"]
    assert_shows_the_store(project, shown)

    # The tag says that the settings are meant, and then all of the universe counts.
    meant = project.run(run_config=DEARER, tags={PURPOSE_TAG: "pipeline"})
    assert meant.success, project.why(meant)
    shown = newest(project)
    assert (shown["run_id"], shown["costs"]) == (
        meant.run_id,
        "fees 0.2 %, slippage 0.1 % per fill",
    )
    assert "/reports/files_2022-06-01_latest_" in shown["table_path"]


def _everything(project: Project) -> dict[str, Any]:
    """Return all that shows the shared leaderboard, and what compares by it."""
    manager, shown = project.manager, newest(project)
    latest = sa.text("SELECT id, run_id FROM latest_backtests ORDER BY id")
    with manager.engine.connect() as connection:
        view = connection.execute(sa.text("SELECT * FROM leaderboard")).all()
        rows = connection.execute(latest).all()
    return {
        "asset": shown,
        "table": Path(shown["table_path"]).read_bytes(),
        "plot": Path(shown["plot_path"]).read_bytes(),
        "python": manager.get_leaderboard().rows(),
        "view": view,
        "best": manager.get_best_performing_strategies(limit=50, min_trades=0),
        "comparison": manager.compare_strategies(),
        "latest": rows,
    }


def test_without_results_the_error_says_to_materialize_them(project: Project):
    result = project.run("S00", selection=["leaderboard"])
    assert not result.success
    assert project.why(result) == (
        "leaderboard: There are no results on this source, window and settings: "
        "materialize backtest_summaries first."
    )


def test_an_unknown_purpose_in_a_tag_is_refused(project: Project):
    result = project.run("S00", selection=["prices"], tags={PURPOSE_TAG: "fun"})
    assert not result.success
    assert "The run's tag gauntlet/purpose is 'fun'; allowed: pipeline, what_if." in project.why(
        result
    )


def test_a_what_if_without_any_leaderboard_before_succeeds(project: Project):
    fees = {"resources": {"run_settings": {"config": {"fees": 0.002}}}}
    result = project.run("S00", run_config=fees)
    assert result.success
    check = project.checks(result)["leaderboard", "results_are_complete"]
    assert (check.passed, check.severity.value) == (False, "WARN")
    assert project.manager.get_leaderboard().is_empty()
    assert not project.instance.fetch_materializations(LEADERBOARD_KEY, limit=1).records
