"""The page of one strategy on one symbol: fills, equity, trades, and how to repeat it."""

import csv
import io
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from reports.figures.trade_chart import Fills, TradedCurves, draw_trades
from reports.html import escape_text, render
from reports.inputs.pairs import PairInputs, SymbolInputs
from reports.numbers import show_change, show_count, show_money, show_percent, show_ratio
from reports.page import Page
from reports.pages.recipe import write_command
from reports.paths import csv_path, pair_path, strategy_path, symbol_path
from reports.tables import Column, Table
from resources.result_store.frame_schemas import TRADES_SCHEMA

_NUMBERS = (
    ("total_return", Column("Return", show_change, numeric=True)),
    ("benchmark_return", Column("Holding it", show_change, numeric=True)),
    ("annualized_return", Column("Per year", show_change, numeric=True)),
    ("sharpe_ratio", Column("Sharpe", show_ratio, numeric=True)),
    ("max_drawdown", Column("Worst drawdown", show_percent, numeric=True)),
    ("closed_trades", Column("Closed trades", show_count, numeric=True)),
    ("win_rate", Column("Won", show_percent, numeric=True)),
    ("profit_factor", Column("Profit factor", show_ratio, numeric=True)),
    ("exposure", Column("In the market", show_percent, numeric=True)),
    ("turnover", Column("Turnover", show_ratio, numeric=True)),
    ("total_fees", Column("Fees", show_money, numeric=True)),
    ("total_slippage", Column("Slippage", show_money, numeric=True)),
)
_TRADES = (
    ("entry_date", Column("Entry")),
    ("entry_price", Column("Price in", show_money, numeric=True)),
    ("exit_date", Column("Exit")),
    ("exit_price", Column("Price out", show_money, numeric=True)),
    ("trade_return", Column("Return", show_change, numeric=True)),
    ("pnl", Column("Profit", show_money, numeric=True)),
    ("exit_reason", Column("Why", lambda value: value.replace("_", " "))),
    ("direction", Column("Side")),
)

_CSV = [name for name in TRADES_SCHEMA if name not in {"backtest_id", "trade_no", "status"}]


def build_pair(symbol: SymbolInputs, pair: PairInputs) -> Page:
    """Return the page of a strategy on a symbol, with its trades as CSV."""
    row, trades = pair.row, pair.trades
    strategy, name = row["strategy"], symbol.symbol
    path = pair_path(name, strategy)
    trades_csv = csv_path(path, "trades")
    long_only = all(one["direction"] == "long" for one in trades)
    columns = _TRADES[: -1 if long_only else None]
    listed = [[one[name] for name, _ in columns] for one in trades]
    body = render(
        "pair.html",
        strategy=strategy,
        symbol=name,
        up=(symbol_path(name), strategy_path(strategy)),
        revised=symbol.revised,
        numbers=Table(
            "Result",
            [column for _, column in _NUMBERS],
            [[row[one] for one, _ in _NUMBERS]],
            compact=True,
        ).render(),
        chart=_draw(symbol, pair),
        trades=Table("Trades", [column for _, column in columns], listed, compact=True).render()
        if listed
        else "",
        csv=trades_csv,
        command=escape_text(write_command(row)),
        identifier=row["id"],
    )
    files = {trades_csv: _write_trades(trades)}
    return Page(path, f"{strategy} on {name}", body, files, short=True)


def _draw(symbol: SymbolInputs, pair: PairInputs) -> str:
    if not len(pair.equity):
        return ""
    row, trades = pair.row, pair.trades
    close = symbol.close if np.array_equal(symbol.days, pair.days) else None
    curves = TradedCurves(pair.days, close, pair.equity, pair.drawdown)
    told = (
        f"{row['total_trades']} trades; equity ended at {show_money(row['final_value'])}, the "
        f"deepest drawdown was {show_percent(row['max_drawdown'])}."
    )
    title = f"{symbol.symbol} with the fills of {row['strategy']}, equity and drawdown"
    return draw_trades(title, told, curves, *_find_fills(trades))


def _write_trades(trades: Sequence[Mapping[str, Any]]) -> bytes:
    content = io.StringIO()
    writer = csv.writer(content, lineterminator="\n")
    writer.writerow(_CSV)
    writer.writerows([_shorten(one[name]) for name in _CSV] for one in trades)
    return content.getvalue().encode()


def _shorten(value: Any) -> Any:
    """Return ten digits of a number: prices have no more, and there are many files."""
    return f"{value:.10g}" if isinstance(value, float) else value


def _find_fills(trades: Sequence[Mapping[str, Any]]) -> tuple[Fills, Fills]:
    """Return what was bought and what was sold; an open trade has no exit."""
    fills: tuple[list[Any], list[Any]] = ([], [])
    for one in trades:
        short = one["direction"] != "long"
        fills[short].append((one["entry_date"], one["entry_price"]))
        if one["status"] == "closed":
            fills[not short].append((one["exit_date"], one["exit_price"]))
    bought, sold = (
        Fills(
            np.array([day for day, _ in some], dtype="datetime64[D]"),
            np.array([price for _, price in some], dtype=np.float64),
        )
        for some in fills
    )
    return bought, sold
