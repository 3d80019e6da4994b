"""The page of a strategy: every number from the HTML, against the ledger, store and files."""

import csv
import io
import json
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest

from reports import numbers
from reports.inputs.universe_curve import UniverseCurve, load_universe_curves
from reports.pages.curve_sections import list_curve_sections
from research.crises import find_crises
from tests.reports.conftest import Reported
from tests.reports.pages import PageFile, Shown

NAME = "rsi"
PATH = f"strategies/{NAME}.html"


@pytest.fixture(scope="module")
def page(reported: Reported) -> PageFile:
    """Lend the page of a strategy."""
    return reported.site.page(PATH)


@pytest.fixture(scope="module")
def curve(reported: Reported) -> UniverseCurve:
    """Lend its curve."""
    return load_universe_curves(reported.data)[NAME]


def _row(page: PageFile, caption: str, place: int = 0) -> list[Shown]:
    return list(page.rows(caption)[place].values())


def _values(cells: Sequence[Shown]) -> list[float]:
    return [float(one.value) if one.value else np.nan for one in cells]


def test_the_curve_is_the_mean_of_the_accounts(reported: Reported, curve: UniverseCurve):
    rows = reported.data.backtests.filter(strategy=NAME)
    places = rows.select("run_id", "part").unique().rows()
    parts = pl.concat(reported.stores.files.equity_parts(places))
    equity = parts.join(rows, left_on="backtest_id", right_on="id", how="semi")
    table = equity.to_pandas().pivot(index="date", columns="backtest_id", values="equity")
    # A symbol without a bar on a day stands still.
    filled = table.ffill()
    first = filled.iloc[0] / 10_000.0 - 1.0
    returns = filled.pct_change()
    returns.iloc[0] = first
    np.testing.assert_array_equal(curve.dates.astype(str), table.index.astype(str))
    np.testing.assert_allclose(curve.returns, returns.mean(axis=1), atol=2e-8)


def test_the_portfolio_is_measured_beside_the_universe(page: PageFile, curve: UniverseCurve):
    for place, returns in enumerate((curve.returns, curve.market)):
        series = pd.Series(returns)
        level = (1.0 + series).cumprod()
        years = len(series) / curve.bars_per_year
        expected = [
            level.iloc[-1] - 1.0,
            level.iloc[-1] ** (1.0 / years) - 1.0,
            series.std() * curve.bars_per_year**0.5,
            series.mean() / series.std() * curve.bars_per_year**0.5,
            (level / level.cummax().clip(lower=1.0) - 1.0).min(),
            curve.beta if place == 0 else 1.0,
            curve.exposure.mean() if place == 0 else 1.0,
        ]
        cells = _row(page, "The portfolio of all symbols", place)
        assert cells[0].text == (NAME, "equal-weight universe")[place]
        assert _values(cells[1:]) == pytest.approx(expected, rel=1e-9)
        assert cells[1].text == numbers.show_change(expected[0])
    assert curve.beta == pytest.approx(np.polyfit(curve.market, curve.returns, 1)[0], rel=1e-5)


def test_months_drawdowns_and_crises_are_of_the_curve(page: PageFile, curve: UniverseCurve):
    growth = pd.Series(1.0 + curve.returns, pd.DatetimeIndex(curve.dates))
    (row,) = page.rows("Return by month")
    cells = list(row.values())
    assert cells[0].text == "2022"
    by_month = growth.groupby(growth.index.month).prod() - 1.0  # pyright: ignore[reportAttributeAccessIssue]
    assert _values(cells[1:13]) == pytest.approx(
        [by_month.get(month, np.nan) for month in range(1, 13)], nan_ok=True
    )
    assert _values(cells[13:]) == pytest.approx([growth.prod() - 1.0])
    drawdowns = page.rows("Worst drawdowns")
    depths = [float(row["Depth"].value or "nan") for row in drawdowns]
    assert depths == sorted(depths)
    assert depths[0] == pytest.approx(curve.drawdowns.min(), rel=1e-12)
    lowest = curve.dates[curve.drawdowns.argmin()]
    assert drawdowns[0]["Lowest"].text == str(lowest)
    ((crisis, days),) = find_crises(curve.dates)
    (shown,) = page.rows("Returns in well-known crises of markets")
    assert [one.text for one in list(shown.values())[:3]] == [
        crisis.name, str(crisis.start), str(crisis.end),
    ]  # fmt: skip
    expected = [days.stop, growth.iloc[days].prod() - 1.0, np.prod(1.0 + curve.market[days]) - 1.0]
    assert _values(list(shown.values())[3:]) == pytest.approx(expected)


def test_the_curve_is_beside_the_page_day_by_day(reported: Reported, curve: UniverseCurve):
    text = reported.site.files[f"strategies/{NAME}.curve.csv"].decode()
    rows = list(csv.DictReader(io.StringIO(text)))
    assert [row["date"] for row in rows] == curve.dates.astype(str).tolist()
    for name, expected in (("return", curve.returns), ("universe_return", curve.market),
                           ("exposure", curve.exposure)):  # fmt: skip
        assert [float(row[name]) for row in rows] == expected.tolist()


@pytest.mark.parametrize(("worst", "axis"), [(-0.5, ", logarithmic"), (-1.0, ""), (-1.4, "")])
def test_a_portfolio_that_lost_all_is_drawn(curve: UniverseCurve, worst: float, axis: str):
    returns = curve.returns.copy()
    returns[len(returns) // 2] = worst
    sections = list_curve_sections(NAME, replace(curve, returns=returns), "curve.csv")
    assert f"<figcaption>Value of 1 invested{axis}</figcaption>" in sections[0].html
    assert not [one.name for one in sections if "nan" in one.html.lower()]


def test_each_criterion_has_its_number_and_limit(reported: Reported, page: PageFile):
    (verdict,) = reported.data.verdicts.filter(strategy=NAME).to_dicts()
    limits = json.loads(verdict["limits"])
    judged = ("grid_p_value", "best_p_value", "loss_share", "walk_forward_p_value")
    for value, row in zip(judged, page.rows("Criteria"), strict=True):
        statistic = verdict.get(value.replace("p_value", "sharpe_ratio"))
        if value == "loss_share":
            statistic = None
        assert row["Sharpe"].value == ("" if statistic is None else repr(statistic))
        assert row["p-value or share"].value == repr(verdict[value])
        assert row["Limit"].value == repr(limits[value])
        passes = verdict[value] <= limits[value]
        assert row["Passes"].text == ("passes" if passes else "fails")
    tried = {name: one.value for name, one in page.rows("What was tried")[0].items()}
    assert tried["Trials"] == str(verdict["trials"])
    assert tried["Competing"] == str(verdict["competing_trials"])
    assert tried["Independent"] == repr(verdict["effective_trials"])
    assert tried["Deflated Sharpe"] == ("" if verdict["dsr"] is None else repr(verdict["dsr"]))
    assert f"{verdict['verdict']} : {verdict['reason']}" in page.text


def test_the_heat_map_has_the_sweep(reported: Reported, page: PageFile):
    panel = reported.data.trials
    assert panel is not None
    expected = {}
    for row, strategy in enumerate(panel.strategies):
        if strategy == NAME and panel.protocols[row] == "backtest":
            curve = panel.residuals[row].astype(np.float64)
            sharpe = curve.mean() / curve.std(ddof=1) * panel.scope.bars_per_year**0.5
            expected[f"{panel.parameters[row]['period']:g}"] = sharpe
    caption = next(
        one.text for one in page.root.select("caption") if "per year, at" in one.text
        or one.text == "Sharpe ratio beyond the market, per year"
    )  # fmt: skip
    (row,) = page.rows(caption)
    shown = {name: one.value for name, one in list(row.items())[1:]}
    assert {name: float(value or "nan") for name, value in shown.items()} == pytest.approx(expected)
    assert "plateau" in [one.note for one in row.values()]


def test_folds_are_those_of_the_walk_forward(reported: Reported, page: PageFile):
    stored = reported.data.walk_forward[NAME]
    rows = page.rows("Folds")
    assert len(rows) == len(stored["folds"])
    for fold, row in zip(stored["folds"], rows, strict=True):
        assert (row["Traded from"].text, row["To"].text) == (fold["test_start"], fold["test_end"])
        for heading, name in (("Sharpe before", "in_sample"), ("Sharpe after", "out_of_sample")):
            value = fold[f"{name}_sharpe_ratio"]
            assert row[heading].value == ("" if value is None else repr(value))
        assert row["Parameters"].text == f"period {fold['parameters']['period']:g}, " + ", ".join(
            f"{name} {value:g}" for name, value in fold["parameters"].items() if name != "period"
        )


def test_costs_and_intervals_are_those_of_robustness(reported: Reported, page: PageFile):
    stored = reported.data.robustness[NAME]
    rows = page.rows("Simulated again at twice the costs")
    for row, name in zip(rows, ("own", "doubled_costs"), strict=True):
        one = stored[name]
        assert _values(list(row.values())[1:]) == pytest.approx(
            [one["bars"], one["annual_sharpe"], one["annual_return"]]
        )
    intervals = stored["intervals"]
    own = stored["own"]
    assert _values(_row(page, "Intervals")) == [
        intervals["level"], own["annual_sharpe"], *intervals["annual_sharpe"],
        own["annual_return"], *intervals["annual_return"],
    ]  # fmt: skip
    entries, shuffle = stored["random_entries"], stored["trade_shuffle"]
    assert _row(page, "Random entries")[1].value == repr(entries["p_value"])
    assert _row(page, "Trades in another order")[1].value == repr(shuffle["drawdown"])
    years = {row["Period"].text: row["Sharpe"].value for row in _periods(page)}
    assert years["2022"] == repr(stored["years"]["2022"]["annual_sharpe"])


def _periods(page: PageFile) -> list[dict[str, Shown]]:
    return page.rows("Performance by year, and by volatility of the market")


def test_the_cone_ends_at_quantiles_of_the_draws(reported: Reported, page: PageFile,
                                                 curve: UniverseCurve):  # fmt: skip
    from research.statistics.stationary_bootstrap import draw_indices

    block, bars = reported.data.robustness[NAME]["intervals"]["block"], len(curve.returns)
    drawn = curve.returns[draw_indices(bars, 999, block, np.random.default_rng(0))]
    ends = np.prod(1.0 + drawn, axis=1)
    last = page.rows("Value of 1 invested")[-1]
    assert _values(list(last.values())) == pytest.approx(
        [bars, *np.quantile(ends, [0.025, 0.5, 0.975])]
    )


def test_symbols_and_exits_are_those_of_the_store(reported: Reported, page: PageFile):
    backtests = reported.data.backtests.filter(strategy=NAME)
    shown = page.table("Results by symbol")
    assert list(shown) == backtests["symbol"].sort().to_list()
    columns = {
        "Return": ("total_return", numbers.show_change),
        "Sharpe": ("sharpe_ratio", numbers.show_ratio),
        "Turnover": ("turnover", numbers.show_ratio),
        "Worst drawdown": ("max_drawdown", numbers.show_percent),
        "In the market": ("exposure", numbers.show_percent),
    }
    exact = reported.site.csv(f"strategies/{NAME}.symbols.csv", "Symbol")
    for row in backtests.iter_rows(named=True):
        for heading, (name, show) in columns.items():
            assert shown[row["symbol"]][heading].text == show(row[name])
            written = exact[row["symbol"]][heading]
            assert written == ("" if row[name] is None else repr(row[name]))
    median = page.table("Quantiles over symbols")["median"]
    for heading, (name, _) in columns.items():
        assert float(median[heading].value or "nan") == pytest.approx(backtests[name].median())
    trades = reported.project.manager.get_trades(backtests["id"])
    exits: dict[str, Any] = {row["Reason"].text: row for row in page.rows("How trades ended")}
    for (reason,), some in trades.group_by("exit_reason"):
        assert exits[str(reason)]["Trades"].value == str(some.height)
        assert float(exits[str(reason)]["Profit"].value) == pytest.approx(some["pnl"].sum())
    assert sum(int(one["Trades"].value) for one in exits.values()) == trades.height


def test_every_chart_says_in_words_what_it_shows(page: PageFile):
    charts = page.root.select("figure svg")
    assert len(charts) == 8
    for one in charts:
        (described,) = one.select(":scope > title")
        assert any(letter.isdigit() for letter in described.text)
