"""The pages of positions of tomorrow: what is held, and what fills at the next open."""

from collections.abc import Iterator, Mapping
from typing import Any

import polars as pl

from reports.html import render
from reports.inputs.positions import PositionsInputs
from reports.numbers import show_count, show_money
from reports.page import Page, link_to
from reports.paths import POSITIONS, csv_path, pair_path, positions_path
from reports.tables import Cell, Column, Table

_CSV = csv_path(POSITIONS, "all")
_SIDES = {1: "long", -1: "short", 0: "none"}
_SUMMARY = (
    Column("Strategy"),
    Column("Held", show_count, "Symbols with a position at the last close.", numeric=True),
    Column("To enter", show_count, "Symbols in which a position is opened next.", numeric=True),
    Column("To leave", show_count, "Symbols in which the position is closed next.", numeric=True),
    Column("Out", show_count, "Symbols without a position, and without an order.", numeric=True),
)
_ROWS = (
    Column("Symbol"),
    Column("Strategy"),
    Column("Next", meaning="What is done on the next bar."),
    Column("At"),
    Column("Held"),
    Column("Shares", show_money, "Of an account that began the window with the capital of the "
           "settings.", numeric=True),
    Column("Since"),
    Column("Entry price", show_money, numeric=True),
    Column("Stop", show_money, "At which the position is left within the next bar.", numeric=True),
    Column("Target", show_money, numeric=True),
    Column("Last bar", meaning="On which all of it rests."),
)  # fmt: skip


def build_positions(inputs: PositionsInputs) -> Page:
    """Return the page of all orders, and of how much each strategy holds."""
    rows, orders = inputs.rows, inputs.orders
    if rows.is_empty():
        return Page(POSITIONS, "Tomorrow", render("positions.html", rows=0))
    bars = rows["bar"].unique().sort().to_list()
    summary = [_summarize(name, rows.filter(strategy=name)) for name in inputs.strategies]
    listed = [_build_row(one) for one in orders.iter_rows(named=True)]
    body = render(
        "positions.html",
        rows=rows.height,
        bar=bars[-1],
        earlier=rows.filter(pl.col("bar") < bars[-1])["symbol"].n_unique(),
        stale=rows.filter("stale")["symbol"].n_unique(),
        window_end=inputs.window_end,
        summary=Table("By strategy", _SUMMARY, summary).render(),
        orders=Table("Orders for the next bar", _ROWS, listed).render() if listed else "",
        csv=_CSV,
    )
    return Page(POSITIONS, "Tomorrow", body, {_CSV: rows.write_csv().encode()})


def build_held(inputs: PositionsInputs) -> Iterator[Page]:
    """Yield per strategy the page of all that it holds."""
    for name in inputs.strategies:
        held = inputs.rows.filter((pl.col("strategy") == name) & (pl.col("held") != 0))
        listed = [_build_row(one) for one in held.iter_rows(named=True)]
        table = Table(f"Held by {name} at the last close", _ROWS, listed)
        body = render(
            "held.html", up=POSITIONS, strategy=name, table=table.render() if listed else ""
        )
        yield Page(positions_path(name), f"Positions of {name}", body)


def _summarize(name: str, rows: pl.DataFrame) -> list[Any]:
    held, following = rows["held"], rows["next_side"]
    changes = held != following
    return [
        Cell(name, link_to(positions_path(name))),
        int((held != 0).sum()),
        int((changes & (following != 0)).sum()),
        int((changes & (held != 0)).sum()),
        int((~changes & (held == 0)).sum()),
    ]


def _build_row(one: Mapping[str, Any]) -> list[Any]:
    return [
        Cell(one["symbol"], link_to(pair_path(one["symbol"], one["strategy"]))),
        one["strategy"],
        Cell(one["action"], note="waits for volume" if one["waits"] else ""),
        one["fills_at"] or None,
        _SIDES[one["held"]],
        one["shares"] if one["held"] else None,
        one["entry_date"],
        one["entry_price"],
        one["stop_price"],
        one["target_price"],
        Cell(one["bar"], note="old" if one["stale"] else ""),
    ]
