"""The parts of a strategy's page that show its curve over the universe."""

import csv
import io
from collections.abc import Sequence
from math import isfinite

import numpy as np
from markupsafe import Markup

from reports.figures.line_chart import Curve, draw_lines
from reports.heat import shade
from reports.html import link
from reports.inputs.universe_curve import ROLLING_BARS, CurveSummary, UniverseCurve
from reports.numbers import show_change, show_count, show_percent, show_ratio, show_text
from reports.pages.section import Section, join, paragraph
from reports.tables import Column, Table
from research.crises import find_crises

BENCHMARK = "equal-weight universe"
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_REACH = 0.9
_PIECES = 280
_SUMMARY = (
    Column("Portfolio"),
    Column("Return", show_change, "Over the whole window.", numeric=True),
    Column("Per year", show_change, numeric=True),
    Column("Volatility", show_percent, "Deviation of daily returns, per year.", numeric=True),
    Column("Sharpe", show_ratio, "Mean return by its deviation, per year.", numeric=True),
    Column("Worst drawdown", show_percent, numeric=True),
    Column("Beta", show_ratio, "Slope on the equal-weight universe.", numeric=True),
    Column("In the market", show_percent, "Mean share of the portfolio at the close.",
           numeric=True),
)  # fmt: skip
_DRAWDOWNS = (
    Column("Began", meaning="The first day below the highest level so far."),
    Column("Lowest"),
    Column("Recovered", lambda value: "not yet" if value is None else show_text(value)),
    Column("Depth", show_percent, numeric=True),
    Column("Days", show_count, "With a bar, until it recovered.", numeric=True),
)
_CRISES = (
    Column("Crisis"), Column("From"), Column("To"),
    Column("Days", show_count, "With a bar in the window.", numeric=True),
    Column("Strategy", show_change, numeric=True),
    Column("Universe", show_change, numeric=True),
)  # fmt: skip


def list_curve_sections(name: str, curve: UniverseCurve, csv_file: str) -> list[Section]:
    """Return what is to be seen of a strategy's curve, from top to bottom.

    Parameters
    ----------
    csv_file
        Path of the curve as CSV.
    """
    return [
        Section("equity", "Equity", _show_equity(name, curve, csv_file)),
        Section("drawdown", "Drawdowns", _show_drawdowns(name, curve)),
        Section("months", "Months", join(_tabulate_months(curve).render())),
        Section("rolling", "Rolling Sharpe ratio and beta", _show_rolling(name, curve)),
        Section("crises", "Crises", _show_crises(curve)),
        Section("exposure", "Exposure", _show_exposure(name, curve)),
    ]


def write_curve(curve: UniverseCurve) -> bytes:
    """Return the curve as CSV, day by day."""
    content = io.StringIO()
    writer = csv.writer(content, lineterminator="\n")
    writer.writerow(["date", "return", "universe_return", "exposure"])
    columns = (curve.returns, curve.market, curve.exposure)
    days = curve.dates.astype("datetime64[D]").astype(str).tolist()
    writer.writerows(zip(days, *(one.tolist() for one in columns), strict=True))
    return content.getvalue().encode()


def _show_equity(name: str, curve: UniverseCurve, csv_file: str) -> Markup:
    own, market = (
        CurveSummary.of(one, curve.bars_per_year) for one in (curve.returns, curve.market)
    )
    exposure = float(curve.exposure.mean())
    rows = [_summarize(name, own, curve.beta, exposure), _summarize(BENCHMARK, market, 1.0, 1.0)]
    chart = draw_lines(
        "Value of 1 invested",
        f"{name} ended at {curve.level[-1]:.3f}, the {BENCHMARK} at {curve.market_level[-1]:.3f}.",
        [
            Curve(name, curve.dates, curve.level),
            Curve(BENCHMARK, curve.dates, curve.market_level, "var(--soft)"),
        ],
        logarithmic=True,
        level=1.0,
    )
    told = "One account per symbol, all with the same weight, rebalanced daily; after costs."
    table = Table("The portfolio of all symbols", _SUMMARY, rows)
    return join(paragraph(told), chart, table.render(), link("Curve as CSV", csv_file))


def _summarize(name: str, one: CurveSummary, beta: float, exposure: float) -> Sequence[object]:
    return [
        name, one.total_return, one.annualized_return, one.volatility, one.sharpe_ratio,
        one.max_drawdown, beta, exposure,
    ]  # fmt: skip


def _show_drawdowns(name: str, curve: UniverseCurve) -> Markup:
    deepest = float(curve.drawdowns.min())
    chart = draw_lines(
        "Below the highest level so far",
        f"The deepest drawdown of {name} is {deepest:.1%}, that of the {BENCHMARK} "
        f"{curve.market_drawdowns.min():.1%}.",
        [
            Curve(name, curve.dates, curve.drawdowns),
            Curve(BENCHMARK, curve.dates, curve.market_drawdowns, "var(--soft)"),
        ],
        show=show_percent,
        height=220,
        pieces=_PIECES,
    )
    rows = [[one.start, one.trough, one.end, one.depth, one.bars] for one in curve.worst]
    return join(chart, Table("Worst drawdowns", _DRAWDOWNS, rows).render())


def _tabulate_months(curve: UniverseCurve) -> Table:
    known = [abs(one) for year in curve.years.values() for one in year.months if isfinite(one)]
    reach = max(known, default=0.0) * _REACH
    columns = [
        Column("Year"),
        *(Column(month, show_change, numeric=True) for month in _MONTHS),
        Column("Year's return", show_change, numeric=True),
    ]
    rows = [
        [year, *(shade(month, reach) for month in found.months), found.total]
        for year, found in curve.years.items()
    ]
    return Table("Return by month", columns, rows)


def _show_rolling(name: str, curve: UniverseCurve) -> Markup:
    if len(curve.dates) < ROLLING_BARS:
        return paragraph(f"There are fewer than {ROLLING_BARS} days.")
    parts = []
    for what, values, level in (
        ("Sharpe ratio", curve.rolling_sharpes, 0.0),
        (f"Beta to the {BENCHMARK}", curve.rolling_betas, 0.0),
    ):
        known = values[np.isfinite(values)]
        said = f"{what} of the last {ROLLING_BARS} days"
        told = "It is undefined."
        if len(known):
            told = f"From {known.min():.2f} to {known.max():.2f}, {known[-1]:.2f} at the end."
        curves = [Curve(name, curve.dates, values)]
        parts.append(draw_lines(said, told, curves, level=level, height=200, pieces=_PIECES))
    return join(*parts)


def _show_crises(curve: UniverseCurve) -> Markup:
    rows = [
        [
            crisis.name,
            crisis.start,
            crisis.end,
            days.stop - days.start,
            float((1.0 + curve.returns[days]).prod()) - 1.0,
            float((1.0 + curve.market[days]).prod()) - 1.0,
        ]
        for crisis, days in find_crises(curve.dates)
    ]
    if not rows:
        return paragraph("None of the well-known crises of markets is in the window.")
    return join(Table("Returns in well-known crises of markets", _CRISES, rows).render())


def _show_exposure(name: str, curve: UniverseCurve) -> Markup:
    if not np.isfinite(curve.exposure).any():
        return paragraph("It was not recorded.")
    chart = draw_lines(
        "Share of the portfolio in the market",
        f"On average {curve.exposure.mean():.1%}, at most {curve.exposure.max():.1%}.",
        [Curve(name, curve.dates, curve.exposure)],
        show=show_percent,
        level=0.0,
        height=200,
        pieces=_PIECES,
    )
    return join(chart)
