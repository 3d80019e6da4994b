"""The page of a symbol: what every strategy did on it; and the list of all symbols."""

from collections.abc import Mapping, Sequence
from typing import Any

import polars as pl
from markupsafe import Markup

from reports.figures.line_chart import COLORS, Curve, draw_lines
from reports.html import render
from reports.inputs.pairs import SymbolInputs
from reports.numbers import show_change, show_count, show_percent, show_ratio
from reports.page import Page, link_to
from reports.paths import SYMBOLS, csv_path, pair_path, symbol_path
from reports.tables import Cell, Column, Table

_MOST_CURVES = len(COLORS) - 1
_NUMBERS = (
    ("total_return", Column("Return", show_change, numeric=True)),
    ("annualized_return", Column("Per year", show_change, numeric=True)),
    ("sharpe_ratio", Column("Sharpe", show_ratio, "Per year.", numeric=True)),
    ("max_drawdown", Column("Worst drawdown", show_percent, numeric=True)),
    ("closed_trades", Column("Trades", show_count, "Closed ones.", numeric=True)),
    ("win_rate", Column("Won", show_percent, "Share of closed trades.", numeric=True)),
    ("profit_factor", Column("Profit factor", show_ratio, "Gains by losses.", numeric=True)),
    ("exposure", Column("In the market", show_percent, "Share of bars.", numeric=True)),
    ("turnover", Column("Turnover", show_ratio, "Traded value per year, by the mean equity.",
                        numeric=True)),
)  # fmt: skip
_LIST = (
    Column("Symbol"),
    Column("Holding it", show_change, "Total return of buying and holding.", numeric=True),
    Column("Strategies", show_count, numeric=True),
    Column("Median return", show_change, "Over the strategies.", numeric=True),
    Column("Beat holding", show_count, "How many strategies.", numeric=True),
    Column("Highest return", show_change, numeric=True),
    Column("By", meaning="The best of several is best by luck as well."),
    Column("Lowest return", show_change, numeric=True),
)


def build_symbol(symbol: SymbolInputs, verdicts: Mapping[str, str]) -> Page:
    """Return the page of all strategies on a symbol.

    Parameters
    ----------
    verdicts
        By strategy; those that were not judged may be missing.
    """
    path = symbol_path(symbol.symbol)
    rows = [_build_row(symbol.symbol, one, verdicts) for one in symbol.rows]
    held = symbol.rows[0]["benchmark_return"]
    footer = [["buy and hold", None, held, *[None] * (len(_NUMBERS) - 1)]]
    columns = [Column("Strategy"), Column("Verdict"), *(column for _, column in _NUMBERS)]
    table = Table(f"Strategies on {symbol.symbol}", columns, rows, footer, compact=True)
    csv = csv_path(path, "strategies")
    body = render(
        "symbol.html",
        symbols=SYMBOLS,
        table=table.render(),
        csv=csv,
        chart=_draw(symbol),
    )
    files = {csv: table.to_csv()}
    return Page(path, symbol.symbol, body, files, short=True, complete=symbol.complete)


def build_symbols(backtests: pl.DataFrame) -> Page:
    """Return the list of all symbols, each leading to its page.

    Parameters
    ----------
    backtests
        As in `reports.inputs.run_data.RunData`.
    """
    rows = [
        _summarize(str(symbol), some)
        for (symbol,), some in backtests.sort("symbol", "strategy").group_by(
            "symbol", maintain_order=True
        )
    ]
    table = Table("Symbols", _LIST, rows)
    body = render("symbols.html", table=table.render(), csv=csv_path(SYMBOLS, "table"))
    return Page(SYMBOLS, "Symbols", body, {csv_path(SYMBOLS, "table"): table.to_csv()})


def _build_row(symbol: str, row: Mapping[str, Any], verdicts: Mapping[str, str]) -> Sequence[Any]:
    strategy = row["strategy"]
    verdict = verdicts.get(strategy, "not judged")
    return [
        Cell(strategy, link_to(pair_path(symbol, strategy))),
        Cell(verdict, kind=f"verdict {verdict.replace(' ', '-')}"),
        *(row[name] for name, _ in _NUMBERS),
    ]


def _draw(symbol: SymbolInputs) -> Markup | str:
    """Return the equity of the strategies with the highest and lowest returns, and the symbol's."""
    known = [one for one in symbol.pairs if len(one.equity)]
    if not known:
        return ""
    ranked = sorted(known, key=lambda one: -one.row["total_return"])
    shown = ranked if len(ranked) <= _MOST_CURVES else [*ranked[:3], *ranked[-2:]]
    curves = [Curve(one.row["strategy"], one.days, one.equity / one.equity[0]) for one in shown]
    if len(symbol.close):
        close = symbol.close / symbol.close[0]
        curves.append(Curve(symbol.symbol, symbol.days, close, "var(--soft)"))
    what = "all" if shown is ranked else "the three highest and the two lowest"
    best, worst = ranked[0].row, ranked[-1].row
    return draw_lines(
        f"Equity from the first close on: {what} of {len(known)} strategies",
        f"{best['strategy']} {show_change(best['total_return'])}, "
        f"{worst['strategy']} {show_change(worst['total_return'])}.",
        curves,
        logarithmic=True,
        level=1.0,
        pieces=46,
    )


def _summarize(symbol: str, some: pl.DataFrame) -> Sequence[Any]:
    returns, held = some["total_return"], some["benchmark_return"][0]
    best = int(returns.arg_max() or 0)
    return [
        Cell(symbol, link_to(symbol_path(symbol))),
        held,
        some.height,
        returns.quantile(0.5, "linear"),
        int((returns > some["benchmark_return"]).sum()),
        returns[best],
        some["strategy"][best],
        returns.min(),
    ]
