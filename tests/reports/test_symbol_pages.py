"""The pages of symbols: results, fills, trades and recipes, against store and files."""

import csv
import io
import json
import re
import shlex
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

import gauntlet
from gauntlet.store import Gauntlet
from reports import numbers
from reports.inputs.pairs import load_symbols
from reports.pages.pair import build_pairs, tabulate_trades
from reports.pages.symbol import build_symbol
from reports.paths import pair_path
from tests.project import SYMBOLS, Project
from tests.reports.conftest import FAILED, NAMES, Reported
from tests.reports.pages import PageFile

SYMBOL = SYMBOLS[0]
PATH = f"symbols/{SYMBOL}/macd"
RESULT = {
    "Return": ("total_return", numbers.show_change),
    "Holding it": ("benchmark_return", numbers.show_change),
    "Sharpe": ("sharpe_ratio", numbers.show_ratio),
    "Worst drawdown": ("max_drawdown", numbers.show_percent),
    "Closed trades": ("closed_trades", numbers.show_count),
    "In the market": ("exposure", numbers.show_percent),
    "Turnover": ("turnover", numbers.show_ratio),
    "Fees": ("total_fees", numbers.show_money),
}


@pytest.fixture(scope="module")
def page(reported: Reported) -> PageFile:
    """Lend the page of a strategy on a symbol."""
    return reported.site.page(f"{PATH}.html")


@pytest.fixture(scope="module")
def stored(reported: Reported) -> dict[str, Any]:
    """Lend its result."""
    (row,) = reported.data.backtests.filter(symbol=SYMBOL, strategy="macd").to_dicts()
    return row


def test_every_result_has_a_page(reported: Reported):
    found = {name for name in reported.site.files if name.count("/") == 2 and "html" in name}
    kept = [one for one in SYMBOLS if one != FAILED]
    assert found == {f"symbols/{symbol}/{name}.html" for symbol in kept for name in NAMES}


def test_a_result_is_shown_as_it_is_stored(page: PageFile, stored: dict[str, Any]):
    (row,) = page.rows("Result")
    for heading, (name, show) in RESULT.items():
        assert row[heading].text == show(stored[name])


def test_trades_are_those_of_the_store(reported: Reported, page: PageFile, stored: dict[str, Any]):
    trades = reported.project.manager.get_trades([stored["id"]]).to_dicts()
    assert len(trades) > 3
    for trade, row in zip(trades, page.rows("Trades, each closed by a signal"), strict=True):
        still_open = " (open)" if trade["exit_reason"] == "open" else ""
        assert {name: one.text for name, one in row.items()} == {
            "Entry": str(trade["entry_date"]),
            "Price in": numbers.show_money(trade["entry_price"]),
            "Exit": f"{trade['exit_date']}{still_open}",
            "Price out": numbers.show_money(trade["exit_price"]),
            "Return": numbers.show_change(trade["trade_return"]),
            "Profit": numbers.show_money(trade["pnl"]),
        }
    text = reported.site.files[f"{PATH}.trades.csv"].decode()
    for trade, row in zip(trades, csv.DictReader(io.StringIO(text)), strict=True):
        for name, value in row.items():
            if isinstance(trade[name], float):
                # Ten digits, as docs/report.md says.
                assert value == f"{trade[name]:.10g}"
            else:
                assert value == str(trade[name])


def test_exits_and_sides_are_said_where_trades_differ():
    days = np.array(["2024-01-02", "2024-01-05"], dtype="datetime64[D]")
    trades = {
        **dict.fromkeys(("entry_date", "exit_date"), days),
        **{name: np.ones(2) for name in ("entry_price", "exit_price", "trade_return", "pnl")},
        "exit_reason": np.array(["stop_loss", "open"]),
        "direction": np.array(["long", "short"]),
    }
    rows = PageFile.of(tabulate_trades(trades)).rows("Trades")
    assert [{name: row[name].text for name in ("Exit", "Why", "Side")} for row in rows] == [
        {"Exit": "2024-01-02", "Why": "stop loss", "Side": "long"},
        {"Exit": "2024-01-05 (open)", "Why": "open", "Side": "short"},
    ]


def test_each_fill_is_in_the_chart(reported: Reported, page: PageFile, stored: dict[str, Any]):
    trades = reported.project.manager.get_trades([stored["id"]])
    closed = trades.filter(status="closed").height
    drawn = [str(one["d"]) for one in page.root.select("svg path[fill^=var]")]
    # The legend has one of each.
    assert sum(one.count("8h-8") for one in drawn) == trades.height + closed + 2
    assert sum(one.count("l4 8h-8") for one in drawn) == trades.height + 1
    (described,) = page.root.select("svg title")
    assert described.text == (
        f"{trades.height} trades; equity ended at {numbers.show_money(stored['final_value'])}, "
        f"the deepest drawdown was {numbers.show_percent(stored['max_drawdown'])}."
    )


def test_curves_are_those_of_files_and_stored_prices(reported: Reported):
    found = {one.symbol: one for one in load_symbols(reported.data)}
    assert set(found) == set(SYMBOLS) - {FAILED}
    rows = reported.data.backtests
    (curves,) = reported.stores.files.equity_parts(rows.select("run_id", "part").unique().rows())
    for symbol in found.values():
        assert not symbol.revised
        assert [one.row["strategy"] for one in symbol.pairs] == reported.data.strategies
        for one in symbol.pairs:
            expected = curves.filter(backtest_id=one.row["id"])
            np.testing.assert_array_equal(one.equity, expected["equity"].to_numpy())
            np.testing.assert_array_equal(one.days, expected["date"].to_numpy())
            assert one.drawdown.min() == pytest.approx(one.row["max_drawdown"], rel=1e-12)
        bars = reported.stores.prices.read("files", symbol.symbol)
        bars = bars.filter(bars["date"].is_in(symbol.days.tolist()))
        np.testing.assert_array_equal(symbol.close, (bars["close"] * bars["adjustment"]).to_numpy())
        np.testing.assert_array_equal(symbol.days, symbol.pairs[0].days)


def test_a_result_is_computed_again_in_python(
    reported: Reported, page: PageFile, stored: dict[str, Any], monkeypatch: pytest.MonkeyPatch
):
    project = reported.project
    store = Gauntlet(project.folder / "home", project.result_store, "polars")
    monkeypatch.setattr(gauntlet, "open", lambda: store)
    (code,) = page.root.select("p code")
    repeated = eval(code.text, {"gauntlet": gauntlet})  # noqa: S307 - what the page says
    metrics = repeated["metrics"]
    for name, value in metrics.items():
        expected = None if name.startswith("universe_") else stored[name]
        assert value == expected, name


def test_a_result_is_requested_again_by_a_command(
    reported: Reported, page: PageFile, stored: dict[str, Any]
):
    first, second = page.root.select("pre")[0].text.split("\n")
    asked = json.loads(shlex.split(first)[1])
    assert second.startswith("GAUNTLET_SOURCE=files dagster job execute")
    assert _request(reported.project, asked) == [stored["id"]]


def _request(project: Project, asked: dict[str, Any]) -> list[str]:
    """Return the results that the job of requests has for a config."""
    job = project.definitions().get_job_def("backtest_request")
    result = job.execute_in_process(run_config=asked, instance=project.instance)
    assert result.success
    return project.manager.get_backtests_by_run(result.run_id)["id"].to_list()


def test_a_symbol_has_all_strategies_beside_each_other(reported: Reported):
    page = reported.site.page(f"symbols/{SYMBOL}.html")
    rows = page.table(f"Strategies on {SYMBOL}")
    stored = reported.data.backtests.filter(symbol=SYMBOL).to_dicts()
    assert list(rows) == [*reported.data.strategies, "buy and hold"]
    columns = {
        "Return": ("total_return", numbers.show_change),
        "Sharpe": ("sharpe_ratio", numbers.show_ratio),
        "Trades": ("closed_trades", numbers.show_count),
        "Won": ("win_rate", numbers.show_percent),
    }
    exact = reported.site.csv(f"symbols/{SYMBOL}.strategies.csv", "Strategy")
    for one in stored:
        for heading, (name, show) in columns.items():
            assert rows[one["strategy"]][heading].text == show(one[name])
            written = exact[one["strategy"]][heading]
            assert written == ("" if one[name] is None else repr(one[name]))
    assert exact["buy and hold"]["Return"] == repr(stored[0]["benchmark_return"])
    links = [str(one["href"]) for one in page.root.select("table a")]
    assert links == [f"../symbols/{SYMBOL}/{name}.html" for name in reported.data.strategies]


def test_an_account_that_lost_all_is_drawn(reported: Reported):
    symbol = next(iter(load_symbols(reported.data)))
    ruined = symbol.pairs[0].equity.copy()
    symbol.__dict__["pairs"] = [replace(symbol.pairs[0], equity=ruined), *symbol.pairs[1:]]
    for last in (0.0, -5_000.0):
        ruined[-1] = last
        page = PageFile.of(build_symbol(symbol, {}).body)
        (title,) = [one.text for one in page.root.select("figcaption")]
        assert title == "Equity from the first close on: all of 2 strategies"
        paths = [pair_path(symbol.symbol, one) for one in reported.data.strategies]
        assert len([*build_pairs(symbol, paths)]) == 2


def test_the_list_of_symbols_leads_to_each(reported: Reported):
    page = reported.site.page("symbols.html")
    backtests = reported.data.backtests
    rows = page.table("Symbols")
    assert set(rows) == set(SYMBOLS) - {FAILED}
    for symbol, row in rows.items():
        some = backtests.filter(symbol=symbol)
        best = some.sort("total_return", descending=True).row(0, named=True)
        assert float(row["Median return"].value or "nan") == some["total_return"].median()
        assert (row["Highest return"].value, row["By"].text) == (
            repr(best["total_return"]),
            best["strategy"],
        )
        beaten = some.filter(some["total_return"] > some["benchmark_return"]).height
        assert row["Beat holding"].value == str(beaten)
    for one in page.root.select("table a"):
        assert re.fullmatch(r"symbols/\w+\.html", str(one["href"]))
