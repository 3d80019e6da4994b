"""The parts of a strategy's page on its symbols: how results differ, and how trades ended."""

import polars as pl
from markupsafe import Markup

from reports.figures.histogram import draw_histogram
from reports.html import link
from reports.numbers import show_change, show_count, show_money, show_percent, show_ratio
from reports.page import link_to
from reports.pages.section import Section, join
from reports.paths import pair_path
from reports.tables import Cell, Column, Table

_SYMBOLS = (
    ("symbol", Column("Symbol")),
    ("total_return", Column("Return", show_change, numeric=True)),
    ("benchmark_return", Column("Holding it", show_change, numeric=True)),
    ("sharpe_ratio", Column("Sharpe", show_ratio, "Per year.", numeric=True)),
    ("max_drawdown", Column("Worst drawdown", show_percent, numeric=True)),
    ("closed_trades", Column("Trades", show_count, "Closed ones.", numeric=True)),
    ("win_rate", Column("Won", show_percent, "Share of closed trades.", numeric=True)),
    ("profit_factor", Column("Profit factor", show_ratio, "Gains by losses.", numeric=True)),
    ("exposure", Column("In the market", show_percent, "Share of bars.", numeric=True)),
    ("turnover", Column("Turnover", show_ratio, "Traded value per year, by the mean equity.",
                        numeric=True)),
    ("total_fees", Column("Fees", show_money, numeric=True)),
    ("total_slippage", Column("Slippage", show_money, numeric=True)),
)  # fmt: skip
_EXITS = (
    Column("Reason"),
    Column("Trades", show_count, numeric=True),
    Column("Profit", show_money, "After costs, all symbols together.", numeric=True),
    Column("Mean return", show_change, "Per trade.", numeric=True),
)
_QUANTILES = (("lowest", 0.0), ("5%", 0.05), ("quarter", 0.25), ("median", 0.5),
              ("three quarters", 0.75), ("95%", 0.95), ("highest", 1.0))  # fmt: skip
_SPREAD = ("total_return", "sharpe_ratio", "max_drawdown", "exposure", "turnover")


def list_symbol_sections(
    strategy: str, backtests: pl.DataFrame, exits: pl.DataFrame, csv_file: str
) -> tuple[list[Section], bytes]:
    """Return the parts, and the table of symbols as CSV.

    Parameters
    ----------
    backtests
        Of the strategy, by symbol, with every metric.
    exits
        As `reports.inputs.strategy.count_exits` returns them.
    csv_file
        Path of that CSV file.
    """
    table = tabulate_symbols(strategy, backtests)
    sections = [
        Section("distribution", "Distribution over symbols", _show_distribution(backtests)),
        Section("exits", "Exit reasons", _show_exits(exits)),
        Section("symbols", "Symbols", join(table.render(), link("Symbols as CSV", csv_file))),
    ]
    return sections, table.to_csv()


def tabulate_symbols(strategy: str, backtests: pl.DataFrame) -> Table:
    """Return one row per symbol, each leading to its page."""
    rows = [
        [Cell(symbol, link_to(pair_path(symbol, strategy))), *numbers]
        for symbol, *numbers in backtests.select(name for name, _ in _SYMBOLS).iter_rows()
    ]
    return Table("Results by symbol", [column for _, column in _SYMBOLS], rows, compact=True)


def _show_distribution(backtests: pl.DataFrame) -> Markup:
    returns = backtests["total_return"].to_numpy()
    lost = int((returns < 0.0).sum())
    median = backtests["total_return"].quantile(0.5, "linear")
    chart = draw_histogram(
        "Symbols by their total return",
        f"{lost} of {len(returns)} symbols lost; the median is {show_change(median)}.",
        returns,
        show=lambda value: f"{value:+.0%}" if value else "0%",
    )
    columns = dict(_SYMBOLS)
    rows = [
        [name, *(backtests[column].quantile(share, "linear") for column in _SPREAD)]
        for name, share in _QUANTILES
    ]
    heads = [Column("Quantile"), *(columns[one] for one in _SPREAD)]
    table = Table("Quantiles over symbols", heads, rows)
    return join(chart, table.render())


def _show_exits(exits: pl.DataFrame) -> Markup:
    rows = exits.select("exit_reason", "trades", "pnl", "mean_return").rows()
    table = Table(
        "How trades ended", _EXITS, [[one[0].replace("_", " "), *one[1:]] for one in rows]
    )
    return join(table.render())
