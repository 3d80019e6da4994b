"""The page of data quality: what is complete, up to date, revised or suspicious."""

from typing import Any

from markupsafe import Markup

from reports.figures.calendar_map import draw_calendar
from reports.html import render
from reports.inputs.data_quality import DataQualityInputs, SymbolQuality
from reports.numbers import show_count, show_percent
from reports.page import Page
from reports.tables import Cell, Column, Table
from resources.price_store.price_quality import PRICE_RULES

PATH, CSV = "data-quality.html", "data-quality.csv"

_COLUMNS = (
    Column("Symbol"),
    Column("First bar"),
    Column("Last bar"),
    Column("Bars", show_count, numeric=True),
    Column("Missing", show_count, "Sessions of its exchange without a bar, from its first bar to "
           "its last.", numeric=True),
    Column("Behind", show_count, "Sessions from its last bar to the end of the window.",
           numeric=True),
    Column("Revisions", show_count, "How often the source changed the past.", numeric=True),
    Column("Revised bars", show_count, numeric=True),
    Column("Last revision"),
    Column("Fetched"),
    Column("Warnings"),
)  # fmt: skip
_DAYS = (
    Column("Day"),
    Column("Missing", show_count, numeric=True),
    Column("Symbols with a session", show_count, numeric=True),
    Column("Share", show_percent, numeric=True),
)
_RULES = (Column("Rule"), Column("Symbol"), Column("What was found"))


def build_data_quality(inputs: DataQualityInputs) -> Page:
    """Return the page of the prices that a report rests on."""
    table = Table("Symbols", _COLUMNS, [_build_row(one) for one in inputs.symbols])
    days = [
        (day, count, inputs.expected[day], count / inputs.expected[day])
        for day, count in inputs.missing.items()
    ]
    found = [
        (rule, one.symbol, Cell(text, kind="text"))
        for rule in PRICE_RULES
        for one in inputs.symbols
        if (text := (one.warnings or {}).get(rule))
    ]
    body = render(
        "data_quality.html",
        inputs=inputs,
        newest=max((one.last for one in inputs.symbols if one.last), default=None),
        behind=sum(one.behind > 0 for one in inputs.symbols),
        without=sum(one.listed and one.bars == 0 for one in inputs.symbols),
        revised=sum(one.revisions > 0 for one in inputs.symbols),
        gaps=sum(one.missing for one in inputs.symbols),
        calendar=_draw(inputs),
        days=Table("Days with missing bars", _DAYS, days).render(),
        warned=len(found),
        checked=sum(one.warnings is not None for one in inputs.symbols),
        unchecked=sum(one.listed and one.warnings is None for one in inputs.symbols),
        warnings=Table("Warnings", _RULES, found).render(),
        rules=PRICE_RULES,
        symbols=table.render(),
        csv=CSV,
    )
    return Page(PATH, "Data quality", body, {CSV: table.to_csv()})


def _draw(inputs: DataQualityInputs) -> Markup:
    shares = {day: count / inputs.expected[day] for day, count in inputs.missing.items()}
    days = f"{len(shares)} days on which a bar is missing" if shares else "No bar is missing"
    return draw_calendar(
        "Missing bars by day, the darker the more symbols lack one",
        f"{days}, from {inputs.start} to {inputs.end}.",
        inputs.start,
        inputs.end,
        shares,
    )


def _build_row(one: SymbolQuality) -> list[Any]:
    if not one.listed:
        unknown = [None] * (len(_COLUMNS) - 2)
        return [one.symbol, *unknown, Cell("not listed in the window", kind="text")]
    found = [one.error] if one.error else list(one.warnings or ())
    nothing = "not checked" if one.warnings is None else "none"
    return [
        one.symbol,
        one.first,
        one.last,
        one.bars,
        Cell(one.missing, kind="bad" if one.missing else ""),
        Cell(one.behind, kind="bad" if one.behind else ""),
        one.revisions,
        one.revised_bars,
        Cell(one.revised_at, kind="times"),
        Cell(one.fetched_at, kind="times"),
        Cell("; ".join(found) or nothing, kind="text bad" if found else ""),
    ]
