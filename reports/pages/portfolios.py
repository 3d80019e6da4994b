"""The page of portfolios: what one account makes of the signals, and where its profit is from."""

import json
from collections.abc import Collection, Mapping
from typing import Any

import polars as pl
from markupsafe import Markup

from reports.figures.line_chart import Curve, draw_lines
from reports.html import render
from reports.inputs.portfolios import PortfoliosInputs, PortfolioTables
from reports.numbers import show_change, show_count, show_money, show_percent, show_ratio
from reports.page import Page, link_to, slugify
from reports.pages.curve_sections import BENCHMARK
from reports.pages.section import Section, join, paragraph
from reports.paths import PORTFOLIOS, csv_path, symbol_path
from reports.tables import Cell, Column, Table
from research.portfolio.row_frames import sum_attribution

_CSV, _TRADING_CSV, _ATTRIBUTION_CSV = (
    csv_path(PORTFOLIOS, one) for one in ("all", "trading", "attribution")
)
_PIECES, _HEIGHT = 120, 240
_TOP = 5
_RESULTS = (
    Column("Portfolio"),
    Column("Return", show_change, "Over the whole window, after costs.", numeric=True),
    Column("Universe", show_change, "Return of the equal-weight universe.", numeric=True),
    Column("Sharpe", show_ratio, "Of the account, per year.", numeric=True),
    Column("Mean of singles", show_ratio, "Mean Sharpe ratio of the single backtests: what the "
           "account has beyond it is diversification, less what it missed.", numeric=True),
    Column("Worst drawdown", show_percent, numeric=True),
    Column("At twice the costs", show_change, "Return, simulated again.", numeric=True),
    Column("Luck: lowest", show_change, "Lowest return under random orders of the entries; "
           "undefined where no entry was missed.", numeric=True),
    Column("Luck: median", show_change, numeric=True),
    Column("Luck: highest", show_change, numeric=True),
)  # fmt: skip
_RESULT_NUMBERS = (
    *("total_return", "universe_return", "sharpe_ratio", "pairs_sharpe_ratio", "max_drawdown"),
    *("doubled_costs_return", "luck_return_low", "luck_return_median", "luck_return_high"),
)
_TRADING = (
    Column("Portfolio"),
    Column("Strategies"),
    Column("Sizing"),
    Column("Costs"),
    Column("Turnover", show_ratio, "Value of all fills per year and mean equity, purchases and "
           "sales added.", numeric=True),
    Column("Exposure", show_percent, "Mean share of the equity in positions.", numeric=True),
    Column("Missed", show_count, "Entries for which there was no slot, cash or room.",
           numeric=True),
)  # fmt: skip
_TRADING_NUMBERS = ("turnover", "mean_gross", "missed")
_FEW = 2
_MONEY = (
    Column("Fills", show_count, numeric=True),
    Column("Profit", show_money, "After fees and slippage, before interest.", numeric=True),
    Column("Fees", show_money, numeric=True),
    Column("Slippage", show_money, numeric=True),
)
_SYMBOLS = (Column("Symbol"), Column("Side"), Column("Sector"), *_MONEY)


def build_portfolios(inputs: PortfoliosInputs) -> Page:
    """Return the page; of a run without portfolios it says so."""
    if not inputs.rows:
        return Page(PORTFOLIOS, "Portfolios", render("portfolios.html", results=""))
    results = Table("Portfolios of this run", _RESULTS, [*map(_build_result, inputs.rows)])
    trading = Table("How they traded", _TRADING, [*map(_build_trading, inputs.rows)])
    files = {_CSV: results.to_csv(), _TRADING_CSV: trading.to_csv()}
    if inputs.tables:
        files[_ATTRIBUTION_CSV] = _write_attribution(inputs.tables)
    sections = [_show(row, inputs) for row in inputs.rows]
    body = render(
        "portfolios.html",
        results=results.render(),
        trading=trading.render(),
        files=list(files),
        sections=render("sections.html", slug=slugify(PORTFOLIOS), lead=[], sections=sections),
    )
    return Page(PORTFOLIOS, "Portfolios", body, files)


def _build_result(row: Mapping[str, Any]) -> list[Any]:
    name = row["name"]
    link = link_to(f"{PORTFOLIOS}#{slugify(PORTFOLIOS)}-{name}")
    return [Cell(name, link), *(row[one] for one in _RESULT_NUMBERS)]


def _build_trading(row: Mapping[str, Any]) -> list[Any]:
    names = row["strategies"].split(", ")
    traded = row["strategies"] if len(names) <= _FEW else f"{len(names)} strategies"
    numbers = (row[one] for one in _TRADING_NUMBERS)
    return [row["name"], traded, row["sizing"], row["costs"], *numbers]


def _show(row: Mapping[str, Any], inputs: PortfoliosInputs) -> Section:
    """Return what is to be seen of one portfolio."""
    name = row["name"]
    tables = inputs.tables.get(name)
    if tables is None:
        gone = paragraph("Its files were removed: its numbers in the table above are kept.")
        return Section(name, name, gone)
    profit = _attribute(name, tables.attribution, inputs.symbols)
    told = paragraph(f"It trades {row['strategies']}.")
    return Section(name, name, join(told, _draw(row, tables.equity), *profit))


def _draw(row: Mapping[str, Any], equity: pl.DataFrame) -> Markup:
    days = equity["date"].to_numpy()
    own, universe = (equity[one].to_numpy() for one in ("equity", "universe"))
    told = (
        f"{row['name']} ended at {show_money(row['final_equity'])}, "
        f"{show_change(row['total_return'])}; the {BENCHMARK} made "
        f"{show_change(row['universe_return'])}{_tell_benchmark(row)}."
    )
    return draw_lines(
        f"Equity of {row['name']}",
        told,
        [Curve(row["name"], days, own), Curve(BENCHMARK, days, universe, "var(--soft)")],
        show=lambda value: f"{value:,.0f}",
        logarithmic=True,
        height=_HEIGHT,
        pieces=_PIECES,
    )


def _tell_benchmark(row: Mapping[str, Any]) -> str:
    """Return what the symbol of a portfolio's choice made; "" without one."""
    if row["benchmark_return"] is None:
        return ""
    symbol = json.loads(row["definition"])["benchmark"]
    return f", {symbol} {show_change(row['benchmark_return'])}"


def _attribute(name: str, rows: pl.DataFrame, known: Collection[str]) -> list[Markup]:
    """Return where the profit of a portfolio is from: sides, sectors and symbols."""
    if rows.is_empty():
        return [paragraph("It made no fill.")]
    sums = [
        _sum(f"Profit of {name} by {by}", rows, by)
        for by in ("side", "sector")
        if by == "side" or (rows["sector"] != "").any()
    ]
    best, worst = (
        [_list_symbol(one, known) for one in some.iter_rows(named=True)]
        for some in (rows.head(_TOP), rows.tail(_TOP).reverse())
    )
    return [
        *sums,
        Table(f"Symbols of {name} with the most profit", _SYMBOLS, best).render(),
        Table(f"Symbols of {name} with the least profit", _SYMBOLS, worst).render(),
    ]


def _sum(caption: str, rows: pl.DataFrame, by: str) -> Markup:
    found = sum_attribution(rows, by)
    listed = [[one[0] or "none", *one[1:]] for one in found.iter_rows()]
    return Table(caption, (Column(by.capitalize()), *_MONEY), listed).render()


def _list_symbol(one: Mapping[str, Any], known: Collection[str]) -> list[Any]:
    symbol = one["symbol"]
    return [
        Cell(symbol, link_to(symbol_path(symbol)) if symbol in known else ""),
        one["side"],
        one["sector"] or None,
        *(one[column] for column in ("fills", "pnl", "fees", "slippage")),
    ]


def _write_attribution(tables: Mapping[str, PortfolioTables]) -> bytes:
    frames = [
        one.attribution.select(pl.lit(name).alias("portfolio"), pl.all())
        for name, one in tables.items()
    ]
    return pl.concat(frames).write_csv().encode()
