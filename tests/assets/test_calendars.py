"""A universe of several exchanges: each symbol by its own sessions, compared with one basket."""

from datetime import date

import polars as pl
import pytest

from resources.market_data.sources.synthetic import SyntheticSource
from tests.project import END, START, Project

CALENDARS = {"S00": "XNYS", "S01": "XNYS", "BTC-USD": "24/7", "7203.T": "XTKS"}
ENDS = ("S00", "7203.T")
SELECTION = ["prices", "backtests/macd", "backtest_summaries", "leaderboard"]
ANNUALIZED = ("annualized_volatility", "sharpe_ratio", "sortino_ratio")


@pytest.fixture
def several(project: Project) -> Project:
    source = SyntheticSource(CALENDARS.__getitem__)
    for symbol in CALENDARS:
        bars = source.fetch(symbol, date(2022, 1, 1), END)
        bars.drop("adjustment").write_csv(project.feed(symbol))
    rows = "\n".join(f"{symbol},{name}" for symbol, name in CALENDARS.items())
    (project.folder / "universe.csv").write_text(f"symbol,calendar\n{rows}\n")
    return project


def test_symbols_are_measured_by_sessions_of_their_exchange(several: Project):
    result = several.run(ENDS, selection=SELECTION)
    assert result.success, several.why(result)
    checks = several.checks(result)
    for rule in ("sessions_are_complete", "bars_are_up_to_date", "window_is_covered"):
        check = checks["prices", rule]
        assert "4 of 4 symbols are clean" in str(check.description), check.metadata
    rows = {symbol: several.manager.get_backtests_by_symbol(symbol)[0] for symbol in CALENDARS}
    year = {"S00": 252.0, "S01": 252.0, "BTC-USD": 365.0, "7203.T": 245.0}
    assert {symbol: row["bars_per_year"] for symbol, row in rows.items()} == year
    assert {symbol: row["data_points"] for symbol, row in rows.items()} == {
        "S00": 148,
        "S01": 148,
        "BTC-USD": 214,
        "7203.T": 146,
    }
    assert not any(row["ended_early"] for row in rows.values())
    for symbol, row in rows.items():
        growth = 1 + row["total_return"]
        expected = growth ** (year[symbol] / row["data_points"]) - 1
        assert row["annualized_return"] == pytest.approx(expected, rel=1e-12)
    board = several.manager.get_leaderboard()
    assert board["symbols"].to_list() == [4]
    members = several.manager.get_universe(result.run_id)
    assert {row["symbol"]: row["calendar"] for row in members} == CALENDARS


def test_the_basket_holds_closed_markets_still(several: Project):
    assert several.run(ENDS, selection=SELECTION[:3]).success
    closes = {
        symbol: pl.read_csv(several.feed(symbol), try_parse_dates=True).select("date", "close")
        for symbol in CALENDARS
    }
    days = pl.DataFrame({"date": pl.date_range(date(2022, 1, 1), END, eager=True)})
    for symbol, close in closes.items():
        days = days.join(close.rename({"close": symbol}), on="date", how="left")
    held = days.with_columns(pl.col(*CALENDARS).forward_fill()).filter(pl.col("date") >= START)
    returns = held.select(pl.mean_horizontal(pl.col(*CALENDARS).pct_change().fill_null(0.0)))
    expected = (1 + returns.to_series()).product() - 1
    (row,) = several.manager.get_backtests_by_symbol("BTC-USD")
    assert row["first_session"] == START
    assert row["last_session"] == END
    assert row["universe_return"] == pytest.approx(expected, rel=1e-9)


def test_another_calendar_is_another_result(several: Project):
    assert several.run(ENDS, selection=SELECTION[:3]).success
    universe = several.folder / "universe.csv"
    universe.write_text(universe.read_text().replace("24/7", "24/5"))
    assert several.run(ENDS, selection=SELECTION[1:3]).success
    newest, before = several.manager.get_backtests_by_symbol("BTC-USD")
    assert (newest["bars_per_year"], before["bars_per_year"]) == (261.0, 365.0)
    assert newest["data_version"] == before["data_version"]
    assert newest["total_return"] == before["total_return"]
    for name in ANNUALIZED:
        ratio = newest[name] / before[name]
        assert ratio == pytest.approx((261 / 365) ** 0.5, rel=1e-12)


def test_bars_per_year_of_the_settings_override_calendars(several: Project):
    config = {"resources": {"run_settings": {"config": {"bars_per_year": 260}}}}
    assert several.run(ENDS, selection=SELECTION[:3], run_config=config).success
    found = {several.manager.get_backtests_by_symbol(one)[0]["bars_per_year"] for one in CALENDARS}
    assert found == {260.0}
