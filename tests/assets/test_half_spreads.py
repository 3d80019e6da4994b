"""Half-spreads of price files in a real run: fills pay them, and who has none fails in one line."""

import logging

import polars as pl
import pytest

from tests.project import SYMBOLS, Project

COSTS = [{"model": "half_spread", "column": "half_spread"}]
CONFIG = {"resources": {"run_settings": {"config": {"costs": COSTS}}}}
FIRST, SECOND, WITHOUT = SYMBOLS[:3]


def _add_spreads(project: Project, symbol: str, unit: float = 0.001) -> pl.DataFrame:
    """Write half-spreads into a price file, 1 to 7 units by turns; return the file."""
    path = project.feed(symbol)
    table = pl.read_csv(path, try_parse_dates=True)
    table = table.with_columns(half_spread=unit * (1 + pl.int_range(pl.len()) % 7))
    table.write_csv(path)
    return table


def test_fills_pay_the_half_spread_of_their_day(project: Project):
    tables = {symbol: _add_spreads(project, symbol) for symbol in (FIRST, SECOND)}
    result = project.run((FIRST, SECOND), run_config=CONFIG)
    assert result.success, project.why(result)
    backtests = project.manager.get_backtests_by_run(result.run_id)
    assert set(backtests["symbol"]) == {FIRST, SECOND}
    fills = 0
    for row in backtests.iter_rows(named=True):
        trades = project.manager.get_trades(row["id"])
        table = tables[row["symbol"]]
        opens = dict(zip(table["date"], table["open"], strict=True))
        spreads = dict(zip(table["date"], table["half_spread"], strict=True))
        for trade in trades.iter_rows(named=True):
            day = trade["entry_date"]
            paid = opens[day] * (1.0 + spreads[day])
            assert trade["entry_price"] == pytest.approx(paid, rel=1e-12)
            fills += 1
    assert fills > 5


def test_a_symbol_without_half_spreads_fails_in_one_line(project: Project):
    for symbol in (FIRST, SECOND):
        _add_spreads(project, symbol)
    result = project.run((FIRST, WITHOUT), run_config=CONFIG)
    assert project.materialized_by(result.run_id, "prices") == {FIRST, SECOND, WITHOUT}
    for name in ("rsi", "macd"):
        assert project.materialized_by(result.run_id, "backtests", name) == {FIRST, SECOND}
    failures = project.manager.get_failures(result.run_id)
    assert {row["symbol"] for row in failures} == {WITHOUT}
    (message,) = {row["message"] for row in failures}
    assert message == (
        f"{WITHOUT} has no half_spread, which costs take of the data; needed: that column in its "
        "price file (in a notebook, History.half_spread), or basis_points in costs."
    )


def test_a_source_without_half_spreads_is_refused_before_prices(project: Project):
    project.source = "synthetic"
    result = project.run((FIRST, WITHOUT), run_config=CONFIG)
    assert not result.success
    assert (
        "costs: half_spread takes a column of the data, and source synthetic has none; "
        "allowed: basis_points, or source files." in project.why(result)
    )
    assert not project.materialized("prices")


def test_half_spreads_that_look_like_percent_are_warned_of(project: Project):
    # A median of 0.4 % is none of them, nor are bars without the column.
    for symbol, unit in ((FIRST, 0.01), (SECOND, 0.001)):
        _add_spreads(project, symbol, unit)
    result = project.run((FIRST, WITHOUT), selection=["prices"])
    assert result.success, project.why(result)
    log = project.instance.all_logs(result.run_id)
    warned = [one for one in log if "median" in one.user_message]
    expected = (
        f"1 symbol ({FIRST}): median half_spread above 1% of the price, the largest 0.04 (4 %) "
        f"of {FIRST}: is it in percent or basis points? It is read as a fraction: 0.0005 is 0.05 %"
    )
    assert [(one.level, one.user_message) for one in warned] == [(logging.WARNING, expected)]
