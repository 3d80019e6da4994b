"""Every number of the report's pages, read from the HTML and compared with the store."""

import csv
import io
import json
from collections.abc import Mapping
from typing import Any

import pytest

from reports import numbers
from reports.report import write_report
from resources.run_artifacts.research_files import ResearchFiles
from resources.trading_calendar import get_calendar
from strategies.registry import registered_strategies
from tests.project import END, START, SYMBOLS
from tests.reports.conftest import FAILED, GAPPY, GAPS, NAMES, REVISED, Reported
from tests.reports.pages import Shown


def assert_shows(shown: Shown, value: Any, show: Any) -> None:
    """Require that a cell has a stored value exactly, and rounds it as people read it."""
    assert shown.text == show(value)
    assert shown.value == ("" if value is None else repr(value))


BOARD = {
    "Rank": ("rank", numbers.show_count),
    "Sharpe": ("median_sharpe_ratio", numbers.show_ratio),
    "Return": ("median_total_return", numbers.show_change),
    "Per year": ("median_annualized_return", numbers.show_change),
    "Worst drawdown": ("worst_max_drawdown", numbers.show_percent),
    "Trades": ("total_trades", numbers.show_count),
    "Beats holding": ("share_beating_benchmark", numbers.show_percent),
    "Ranked": ("ranked_symbols", numbers.show_count),
    "Symbols": ("symbols", numbers.show_count),
}


def test_the_leaderboard_shows_the_stored_rows(reported: Reported):
    table = reported.site.page("leaderboard.html").table("Strategies, best first")
    board = reported.project.manager.get_leaderboard(reported.run.run_id).to_dicts()
    assert [row["strategy"] for row in board] == list(table)[: len(board)]
    for row in board:
        cells = table[row["strategy"]]
        assert cells["Verdict"].text == row["verdict"]
        for heading, (column, show) in BOARD.items():
            assert_shows(cells[heading], row[column], show)
    # rsi traded too little on every symbol: no rank, and it says why.
    assert {name: table[name]["Strategy"].note for name in NAMES} == {
        "macd": "",
        "rsi": "thin: too few symbols traded",
    }


def test_intervals_are_those_of_the_robustness_files(reported: Reported):
    page = reported.site.page("leaderboard.html")
    table = page.table("Strategies, best first")
    made = reported.run.asset_materializations_for_node("robustness")
    paths = {one.asset_key.path[-1]: str(one.metadata["path"].value) for one in made}
    for name in NAMES:
        with open(paths[name]) as file:  # noqa: PTH123 - as people open it
            stored = json.load(file)
        cell = table[name]["Sharpe beyond market"]
        assert_shows(cell, stored["own"]["annual_sharpe"], numbers.show_ratio)
        low, high = map(numbers.show_ratio, stored["intervals"]["annual_sharpe"])
        assert cell.note == f"{low} to {high}"
        assert f"{low} to {high}" in [one.text for one in page.root.select("svg text")]


def test_what_is_held_without_a_strategy_is_beside_them(reported: Reported):
    table = reported.site.page("leaderboard.html").table("Strategies, best first")
    rows = reported.project.manager.get_backtests_by_run(reported.run.run_id)
    held = rows.filter(strategy="rsi")
    one = table["buy and hold, median symbol"]
    assert_shows(one["Return"], held["benchmark_return"].median(), numbers.show_change)
    assert one["Symbols"].text == "19"
    universe = table["equal-weight universe"]
    # S00 has all bars of the window: the universe between its first and its last is all of it.
    whole = held.filter(symbol=SYMBOLS[0])["universe_return"].item()
    assert float(universe["Return"].value or "") == pytest.approx(whole, rel=1e-12)
    assert universe["Symbols"].text == "19"
    assert universe["Per year"].text == "+15.8%"
    assert universe["Worst drawdown"].text == "-2.9%"


def test_each_criterion_stands_beside_its_limit(reported: Reported):
    table = reported.site.page("leaderboard.html").table("Verdicts: each criterion, and its limit")
    stored = reported.project.manager.get_verdicts(reported.run.run_id).to_dicts()
    assert {row["strategy"]: row["verdict"] for row in stored} == {
        name: cells["Verdict"].text for name, cells in table.items()
    }
    judged = {
        "Grid: p": ("grid_p_value", numbers.show_p_value, "0.03"),
        "Best point: p": ("best_p_value", numbers.show_p_value, "0.06"),
        "Selection: loses": ("loss_share", numbers.show_percent, "20%"),
        "Walk-forward: p": ("walk_forward_p_value", numbers.show_p_value, "0.0125"),
    }
    others = {
        "Deflated Sharpe": ("dsr", numbers.show_p_value),
        "Trials": ("trials", numbers.show_count),
    }
    for row in stored:
        cells, limits = table[row["strategy"]], json.loads(row["limits"])
        for heading, (column, show, limit) in judged.items():
            assert_shows(cells[heading], row[column], show)
            passes = "passes" if row[column] <= limits[column] else "fails"
            assert cells[heading].note == f"{passes}, limit {limit}"
        for heading, (column, show) in others.items():
            assert_shows(cells[heading], row[column], show)
        assert cells["Why"].text == row["reason"]
    tried = stored[0]["competing_trials"]
    said = (
        f"Of 2 strategies: 2 rejected. Judged against the {tried} active trials on this universe."
    )
    assert said in reported.site.page("leaderboard.html").text


def test_every_page_says_what_it_is_of(reported: Reported):
    run = reported.run.run_id
    pages = [name for name in reported.site.files if name.endswith(".html")]
    overview = [name for name in pages if "/" not in name]
    facts = [reported.site.page(name).facts for name in overview]
    assert all(one == facts[0] for one in facts)
    assert len(overview) == len(reported.site.page("index.html").root.select("nav a")) + 2
    others = [reported.site.page(name).root for name in pages if "/" in name]
    # They are of what they show, and lead to the page that says whose.
    lines = {one.select("header span")[0].text for one in others}
    assert lines == {f"prices of source files, {START} to {END}"}
    first = "header a[href$='../index.html'], header a[href$='../leaderboard.html']"
    assert all(one.select(first) for one in others)
    made_at = reported.project.manager.get_leaderboard(run)["made_at"][0]
    assert facts[0] | {"Data version": "", "Code version": ""} == {
        "Run": run,
        "Made": f"{made_at:%Y-%m-%d %H:%M} UTC",
        "Prices": "prices of source files",
        "Window": f"{START} to {END}",
        "Symbols": "19 of 20 symbols",
        "Costs": "fees 0.1 %, slippage 0.1 % per fill",
        "Data version": "",
        "Code version": "",
        "Gauntlet": "0.1.0",
    }


def test_failures_are_shown_with_their_reasons(reported: Reported):
    page = reported.site.page("failures.html")
    (stored,) = reported.project.manager.get_failures(reported.run.run_id)
    (row,) = page.rows("Failures of this run")
    assert {name: cell.text for name, cell in row.items()} == {
        "Symbol": FAILED,
        "Strategy": "all",
        "Stage": "prices",
        "Reason": stored["message"],
        "Error": "BadBarsError",
        "Retried": "would not help",
        "When": f"{stored['failed_at']:%Y-%m-%d %H:%M} UTC",
    }
    assert page.table("By stage and error")["prices"]["Failures"].value == "1"
    # Two of all strategies were run.
    defined = len(registered_strategies())
    lacking = page.table("Symbols without all results")
    assert {name: one["Strategies without a result"].value for name, one in lacking.items()} == {
        name: str(defined if name == FAILED else defined - 2) for name in SYMBOLS
    }


def test_data_quality_shows_gaps_revisions_and_last_bars(reported: Reported):
    page = reported.site.page("data-quality.html")
    store = reported.project.resource("price_store")
    table = page.table("Symbols")
    assert list(table) == list(SYMBOLS)
    sessions = get_calendar().sessions(START, END)
    for symbol, cells in table.items():
        if symbol == FAILED:
            assert (cells["Bars"].value, cells["Last bar"].text) == ("0", "-")
            assert cells["Warnings"].text.startswith("S03: no bars of source 'files' are stored")
            continue
        bars = store.load("files", symbol, START, END)
        missing = 3 if symbol == GAPPY else 0
        assert len(sessions) == bars.height + missing
        assert {name: cells[name].value for name in ("Bars", "Missing", "Behind")} == {
            "Bars": str(bars.height),
            "Missing": str(missing),
            "Behind": "0",
        }
        assert cells["First bar"].text == bars["date"][0].isoformat()
        assert cells["Last bar"].text == bars["date"][-1].isoformat()
        revised = store.revisions("files", symbol)
        assert (cells["Revisions"].value == "1") == bool(revised) == (symbol == REVISED)
        assert cells["Revised bars"].value == str(sum(one.changed_bars for one in revised))
    assert "The runs that fetched the prices of 19 symbols found nothing suspicious" in page.text
    assert "1 symbol not checked" in page.text
    days = page.table("Days with missing bars")
    assert list(days) == [GAPS[0], GAPS[1], GAPS[3]]  # on the other one the exchange is closed
    assert all((one["Missing"].value, one["Share"].text) == ("1", "5.3%") for one in days.values())
    squares = [one.text for one in page.root.select("svg rect title")]
    assert squares == [f"{day}: 5.3%" for day in days]


def test_runs_show_what_the_stages_recorded(reported: Reported):
    page = reported.site.page("runs.html")
    rows = page.rows("Runs, newest first")
    assert len(rows) == 2
    assert rows[0]["Run"].text == reported.run.run_id[:8]
    stored = reported.project.manager.get_run(reported.run.run_id)
    assert stored is not None
    stages: Mapping[str, Any] = {
        name: stored["profile"][name]
        for name in ("prices", "backtests", "backtest_summaries", "leaderboard")
    }
    newest = rows[0]
    wall, cpu = (sum(one[f"{kind}_seconds"] for one in stages.values()) for kind in ("wall", "cpu"))
    assert_shows(newest["Time"], wall, numbers.show_seconds)
    assert_shows(newest["CPU"], cpu, numbers.show_seconds)
    peak = max(one["memory_peak_mb"] for one in stages.values())
    assert (newest["Peak memory"].value, newest["Symbols"].text) == (repr(peak), "20")
    assert newest["Failed"].value == "1"
    for stage in ("prices", "backtests", "backtest_summaries"):
        one = stages[stage]
        shown = newest[f"{stage.replace('_', ' ')}: symbols/s"]
        assert_shows(shown, one["succeeded"] / one["wall_seconds"], numbers.show_ratio)


@pytest.mark.parametrize(
    ("page", "caption"),
    [
        ("leaderboard", "Strategies, best first"),
        ("failures", "Failures of this run"),
        ("data-quality", "Symbols"),
        ("runs", "Runs, newest first"),
    ],
)
def test_a_csv_file_has_the_values_of_its_table(reported: Reported, page: str, caption: str):
    shown = reported.site.page(f"{page}.html").rows(caption)
    text = reported.site.files[f"{page}.csv"].decode()
    rows = list(csv.DictReader(io.StringIO(text)))
    assert len(rows) == len(shown) > 0
    for row, cells in zip(rows, shown, strict=True):
        assert list(row) == list(cells)
        numeric = {name: cell.value for name, cell in cells.items() if cell.value is not None}
        assert {name: row[name] for name in numeric} == numeric


def test_the_same_store_gives_the_same_bytes(reported: Reported, tmp_path):
    again = write_report(reported.stores, str(tmp_path), reported.run.run_id)
    folder = tmp_path / reported.run.run_id
    found = {
        one.relative_to(folder).as_posix(): one.read_bytes()
        for one in folder.rglob("*")
        if one.is_file()
    }
    assert found == reported.site.files
    assert again.size == sum(map(len, found.values()))


def test_the_asset_links_to_its_report(reported: Reported):
    (made,) = reported.run.asset_materializations_for_node("tear_sheets")
    shown = {name: one.value for name, one in made.metadata.items()}
    run = reported.run.run_id
    assert shown["report"] == f"/gauntlet/reports/{run}/index.html"
    assert shown["path"] == str(reported.root / run / "index.html")
    assert shown["single_file"] == str(reported.root / run / "single-file.html")
    pages = [one for one in reported.site.files if one.endswith(".html")]
    # The first page is also the index, and the overview is also in one file.
    assert shown["pages"] == len(pages) - 2
    size = sum(map(len, reported.site.files.values()))
    assert shown["megabytes"] == round(size / 1e6, 3)


def test_research_files_of_a_run_are_found_again(reported: Reported):
    data = reported.data
    assert set(data.robustness) == set(data.walk_forward) == set(NAMES)
    files = ResearchFiles(reported.stores.files.root, "robustness")
    identity = data.run["profile"]["robustness"]["files"]["rsi"]
    assert files.find("rsi", identity) == data.robustness["rsi"]
    assert data.walk_forward["macd"]["protocol"] == "walk_forward anchored 60/30 plateau"
