"""The page of one strategy on one symbol: fills, equity, trades, and how to repeat it."""

import csv
import io
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from math import isnan
from typing import Any

import numpy as np
from markupsafe import Markup
from numpy.typing import NDArray

from reports.figures.trade_chart import Fills, TradeChart, draw_trades
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
_BY_SIGNALS = "Trades, each closed by a signal"

_CSV = [name for name in TRADES_SCHEMA if name not in {"backtest_id", "trade_no", "status"}]


def build_pairs(symbol: SymbolInputs, wanted: Collection[str]) -> Iterator[Page]:
    """Yield pages of strategies on a symbol, those of some paths, with their trades as CSV."""
    paths = {
        one.row["strategy"]: pair_path(symbol.symbol, one.row["strategy"]) for one in symbol.pairs
    }
    pairs = [one for one in symbol.pairs if paths[one.row["strategy"]] in wanted]
    for pair, chart in zip(pairs, _draw_all(symbol, pairs), strict=True):
        yield _build(symbol, pair, chart)


def _build(symbol: SymbolInputs, pair: PairInputs, chart: str) -> Page:
    row, trades = pair.row, pair.trades
    strategy, name = row["strategy"], symbol.symbol
    path = pair_path(name, strategy)
    trades_csv = csv_path(path, "trades")
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
        chart=chart,
        trades=tabulate_trades(trades) if len(trades["trade_no"]) else "",
        csv=trades_csv,
        command=escape_text(write_command(row)),
        identifier=row["id"],
    )
    files = {trades_csv: _write_trades(trades)}
    title = f"{strategy} on {name}"
    return Page(path, title, body, files, short=True, complete=symbol.complete)


def tabulate_trades(trades: Mapping[str, NDArray[Any]]) -> Markup:
    """Return the trades as a table; what is true of all is said once, not in each row."""
    usual = {"direction": {"long"}, "exit_reason": {"signal", "open"}}
    shown = [one for one in _TRADES if not set(trades[one[0]].tolist()) <= usual.get(one[0], set())]
    told = "Trades" if any(name == "exit_reason" for name, _ in shown) else _BY_SIGNALS
    rows = [*zip(*(_list_values(trades, name) for name, _ in shown), strict=True)]
    return Table(told, [column for _, column in shown], rows, compact=True).render()


def _list_values(trades: Mapping[str, NDArray[Any]], name: str) -> list[Any]:
    """Return a column; a trade that is still open is not shown as closed on its last bar."""
    values = trades[name].tolist()
    if name != "exit_date":
        return values
    still_open = (trades["exit_reason"] == "open").tolist()
    return [f"{day} (open)" if one else day for day, one in zip(values, still_open, strict=True)]


def _draw_all(symbol: SymbolInputs, pairs: Sequence[PairInputs]) -> list[str]:
    """Return the chart of each pair; "" where there is no curve. Those of the same days at once."""
    alike: dict[bytes, list[int]] = defaultdict(list)
    for number, one in enumerate(pairs):
        if len(one.days):
            alike[one.days.tobytes()].append(number)
    drawn: dict[int, str] = {}
    for numbers in alike.values():
        days = pairs[numbers[0]].days
        close = symbol.close if np.array_equal(symbol.days, days) else None
        charts = draw_trades(days, close, [_prepare(symbol.symbol, pairs[one]) for one in numbers])
        drawn |= zip(numbers, charts, strict=True)
    return [drawn.get(number, "") for number in range(len(pairs))]


def _prepare(symbol: str, pair: PairInputs) -> TradeChart:
    row = pair.row
    told = (
        f"{row['total_trades']} trades; equity ended at {show_money(row['final_value'])}, the "
        f"deepest drawdown was {show_percent(row['max_drawdown'])}."
    )
    title = f"{symbol} with the fills of {row['strategy']}, equity and drawdown"
    return TradeChart(title, told, pair.equity, pair.drawdown, *_find_fills(pair.trades))


def _write_trades(trades: Mapping[str, NDArray[Any]]) -> bytes:
    content = io.StringIO()
    writer = csv.writer(content, lineterminator="\n")
    writer.writerow(_CSV)
    writer.writerows(zip(*(_shorten(trades[name]) for name in _CSV), strict=True))
    return content.getvalue().encode()


def _shorten(column: NDArray[Any]) -> list[Any]:
    """Return values with ten digits of a number: prices have no more, and there are many files."""
    values = column.tolist()
    if column.dtype.kind != "f":
        return values
    return ["" if isnan(value) else f"{value:.10g}" for value in values]


def _find_fills(trades: Mapping[str, NDArray[Any]]) -> tuple[Fills, Fills]:
    """Return what was bought and what was sold; an open trade has no exit."""
    long, closed = trades["direction"] == "long", trades["status"] == "closed"
    bought, sold = (
        Fills(
            *(
                np.concatenate(
                    [trades[f"entry_{what}"][entered], trades[f"exit_{what}"][~entered & closed]]
                )
                for what in ("date", "price")
            )
        )
        for entered in (long, ~long)
    )
    return bought, sold
