"""The leaderboard: a ranking, a table and a plot, of the symbols of the universe only."""

from pathlib import Path

import polars as pl

from tests.project import SYMBOLS, Project

PNG = b"\x89PNG\r\n\x1a\n"


def test_the_leaderboard_has_table_and_plot_of_the_universe(project: Project):
    result = project.run((SYMBOLS[0], SYMBOLS[4]))
    check = project.checks(result)["leaderboard", "results_are_complete"]
    assert (check.passed, check.severity.value, result.success) == (False, "WARN", True)
    # Nine strategies are defined, and two of them were run on five of twenty symbols.
    assert check.description == "10 of 180 results of the universe are in it: 5.6%, limit 0%."
    offenders = str(check.metadata["offenders"].value)
    assert "- `rsi` 5 of 20 symbols have a result, 0 of them stale" in offenders
    assert "- `bollinger` 0 of 20 symbols have a result, 0 of them stale" in offenders
    (event,) = result.asset_materializations_for_node("leaderboard")
    table = pl.read_csv(Path(str(event.metadata["table_path"].value)))
    assert set(table["strategy"]) == {"rsi", "macd"}
    assert table["symbols"].to_list() == [5, 5]
    assert Path(str(event.metadata["plot_path"].value)).read_bytes().startswith(PNG)
    shown = str(event.metadata["ranking"].value).splitlines()
    assert "median_sharpe_ratio" in shown[0]
    assert len(shown) == 2 + 2
    assert "null" not in "".join(shown)
    assert event.metadata["symbols"].value == 5
    (project.folder / "universe.csv").write_text("symbol\nS00\nS01\n")
    (event,) = project.run("S00").asset_materializations_for_node("leaderboard")
    assert event.metadata["symbols"].value == 2
    assert event.metadata["runs"].value == 2


def test_without_results_the_error_says_to_materialize_them(project: Project):
    result = project.run("S00", selection=["leaderboard"])
    assert not result.success
    assert project.why(result) == (
        "leaderboard: There are no results on this source, window and settings: "
        "materialize backtest_summaries first."
    )
