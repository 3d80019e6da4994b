"""The page of portfolios, against the store and the files of the portfolios."""

import json
from dataclasses import replace

import polars as pl
import pytest

from reports import numbers
from reports.inputs.portfolios import PortfoliosInputs, load_portfolios
from reports.pages.portfolios import build_portfolios
from tests.reports.conftest import NAMES, Reported
from tests.reports.pages import PageFile, Shown
from tests.reports.test_pages import assert_shows

RESULTS = {
    "Return": ("total_return", numbers.show_change),
    "Universe": ("universe_return", numbers.show_change),
    "Sharpe": ("sharpe_ratio", numbers.show_ratio),
    "Mean of singles": ("pairs_sharpe_ratio", numbers.show_ratio),
    "Worst drawdown": ("max_drawdown", numbers.show_percent),
    "At twice the costs": ("doubled_costs_return", numbers.show_change),
    "Luck: lowest": ("luck_return_low", numbers.show_change),
    "Luck: median": ("luck_return_median", numbers.show_change),
    "Luck: highest": ("luck_return_high", numbers.show_change),
}
TRADING = {
    "Turnover": ("turnover", numbers.show_ratio),
    "Exposure": ("mean_gross", numbers.show_percent),
    "Missed": ("missed", numbers.show_count),
}


@pytest.fixture(scope="module")
def inputs(reported: Reported) -> PortfoliosInputs:
    """Lend the portfolios of the run."""
    return load_portfolios(reported.data)


def _money(row: dict[str, Shown]) -> list[str | None]:
    return [row[heading].value for heading in ("Fills", "Profit", "Fees", "Slippage")]


def test_each_portfolio_is_shown_as_stored(reported: Reported):
    page = reported.site.page("portfolios.html")
    results, trading = page.table("Portfolios of this run"), page.table("How they traded")
    stored = reported.project.manager.get_portfolios(reported.run.run_id).to_dicts()
    assert [row["name"] for row in stored] == list(results) == list(trading) == sorted(NAMES)
    for row in stored:
        for shown, columns in ((results, RESULTS), (trading, TRADING)):
            for heading, (column, show) in columns.items():
                assert_shows(shown[row["name"]][heading], row[column], show)
        cells = trading[row["name"]]
        assert (cells["Strategies"].text, cells["Sizing"].text, cells["Costs"].text) == (
            row["name"],
            "equal_slots",
            "fees 0.1 %, slippage 0.1 % per fill",
        )
    kept = reported.site.csv("portfolios.all.csv", "Portfolio")
    assert kept["macd"]["Return"] == repr(stored[0]["total_return"])


def test_many_strategies_are_counted_and_named_below(inputs: PortfoliosInputs):
    rows = [{**inputs.rows[0], "strategies": "macd, rsi, sma_cross"}]
    page = PageFile.of(build_portfolios(replace(inputs, rows=rows)).body)
    assert page.table("How they traded")["macd"]["Strategies"].text == "3 strategies"
    assert "It trades macd, rsi, sma_cross." in page.root.get_text()


def test_equity_is_drawn_beside_the_universe(reported: Reported):
    page = reported.site.page("portfolios.html").root
    rows = reported.project.manager.get_portfolios(reported.run.run_id).to_dicts()
    titles = [one.text for one in page.select("figcaption")]
    assert titles == [f"Equity of {row['name']}, logarithmic" for row in rows]
    for row, figure in zip(rows, page.select("figure"), strict=True):
        (told,) = figure.select("svg > title")
        assert told.text == (
            f"{row['name']} ended at {numbers.show_money(row['final_equity'])}, "
            f"{numbers.show_change(row['total_return'])}; the equal-weight universe made "
            f"{numbers.show_change(row['universe_return'])}."
        )
        assert len(figure.select("path.line")) == 2
        ends = [one.text for one in figure.select("text")]
        assert {row["name"], "equal-weight universe"} <= set(ends)


def test_the_return_of_a_chosen_symbol_is_told(inputs: PortfoliosInputs):
    row = {
        **inputs.rows[0],
        "benchmark_return": 0.25,
        "definition": json.dumps({"benchmark": "SPY"}),
    }
    page = PageFile.of(build_portfolios(replace(inputs, rows=[row])).body)
    (told,) = page.root.select("svg > title")
    assert told.text.endswith(", SPY +25.0%.")


def test_profit_is_attributed_as_the_files_say(reported: Reported, inputs: PortfoliosInputs):
    page = reported.site.page("portfolios.html")
    rows = inputs.tables["macd"].attribution
    columns = ("fills", "pnl", "fees", "slippage")
    (side,) = page.rows("Profit of macd by side")
    assert side["Side"].text == "long"
    assert [float(one or "nan") for one in _money(side)] == pytest.approx(
        [rows[one].sum() for one in columns], rel=1e-12
    )
    for caption, some in (("most", rows.head(5)), ("least", rows.tail(5).reverse())):
        shown = page.rows(f"Symbols of macd with the {caption} profit")
        assert [row["Symbol"].text for row in shown] == some["symbol"].to_list()
        found = [[float(one or "nan") for one in _money(row)] for row in shown]
        assert found == [list(map(float, row)) for row in some.select(columns).rows()]
    kept = pl.read_csv(reported.site.files["portfolios.attribution.csv"])
    ours = kept.filter(pl.col("portfolio") == "macd").drop("portfolio", "sector")
    assert ours.equals(rows.drop("sector"))


def test_a_sum_by_sector_is_shown_where_sectors_are_known(inputs: PortfoliosInputs):
    known = inputs.tables["macd"]
    sectors = [("tech", "energy", "")[place % 3] for place in range(known.attribution.height)]
    rows = known.attribution.with_columns(pl.Series("sector", sectors))
    tables = {**inputs.tables, "macd": replace(known, attribution=rows)}
    page = PageFile.of(build_portfolios(replace(inputs, tables=tables)).body)
    shown = page.table("Profit of macd by sector")
    for name, sector in (("tech", "tech"), ("energy", "energy"), ("none", "")):
        profit = rows.filter(pl.col("sector") == sector)["pnl"].sum()
        assert float(shown[name]["Profit"].value or "nan") == pytest.approx(profit, rel=1e-12)
    captions = [one.text for one in page.root.select("caption")]
    assert "Profit of rsi by sector" not in captions


def test_an_account_below_zero_has_no_logarithm(inputs: PortfoliosInputs):
    known = inputs.tables["macd"]
    equity = known.equity.with_columns(equity=pl.col("equity") - known.equity["equity"].max())
    tables = {"macd": replace(known, equity=equity)}
    page = PageFile.of(build_portfolios(replace(inputs, tables=tables)).body)
    assert [one.text for one in page.root.select("figcaption")] == ["Equity of macd"]


def test_a_portfolio_whose_files_are_gone_keeps_its_numbers(inputs: PortfoliosInputs):
    page = PageFile.of(build_portfolios(replace(inputs, tables={})).body)
    assert list(page.table("Portfolios of this run")) == sorted(NAMES)
    assert page.root.get_text().count("Its files were removed") == len(NAMES)


def test_a_symbol_without_a_page_is_text(inputs: PortfoliosInputs):
    page = PageFile.of(build_portfolios(replace(inputs, symbols=())).body)
    assert not [one for one in page.root.select("a[href]") if "symbols/" in str(one["href"])]
    assert len(page.rows("Symbols of macd with the most profit")) == 5


def test_a_run_without_portfolios_says_so():
    page = build_portfolios(PortfoliosInputs([], {}))
    assert "This run made no portfolios" in page.body
    assert not page.files
