"""The pages of positions of tomorrow, against the store."""

from dataclasses import replace

import pytest

from reports import numbers
from reports.inputs.positions import PositionsInputs, load_positions
from reports.pages.positions import build_held, build_positions
from research.forward.next_positions import NextPosition
from tests.project import END, SYMBOLS
from tests.reports.conftest import NAMES, Reported
from tests.reports.pages import PageFile

HELD, FREE = SYMBOLS[0], SYMBOLS[1]


def _position(strategy: str, symbol: str, held: int, following: int, action: str) -> NextPosition:
    inside = held != 0
    return NextPosition(
        strategy=strategy, symbol=symbol, bar=END, stale=False, held=held, next_side=following,
        shares=12.5 if inside else 0.0, entry_date=END if inside else None,
        entry_price=101.25 if inside else None, action=action,
        fills_at="" if held == following else "open", waits=action == "sell",
        stop_price=90.5 if inside else None, target_price=None,
    )  # fmt: skip


@pytest.fixture(scope="module")
def inputs(reported: Reported) -> PositionsInputs:
    """Lend the positions of the run, planted in the store."""
    planted = [
        _position("rsi", HELD, 1, 0, "sell"),
        _position("rsi", FREE, 0, 1, "buy"),
        _position("macd", HELD, 1, 1, "hold"),
        _position("macd", FREE, 0, 0, "stay out"),
        _position("bollinger", FREE, 0, 1, "buy"),  # of no result of the run
    ]
    # Of another run: the report of this one stays as it is.
    reported.project.manager.append_forward("planted", "files", [], planted)
    run = {**reported.data.run, "run_id": "planted"}
    return load_positions(replace(reported.data, run=run))


def test_orders_and_holdings_are_shown_as_stored(inputs: PositionsInputs):
    page = PageFile.of(build_positions(inputs).body)
    summary = page.table("By strategy")
    counts = {name: [one.value for one in row.values()][1:] for name, row in summary.items()}
    assert counts == {"macd": ["1", "0", "0", "1"], "rsi": ["1", "1", "1", "0"]}
    bought, sold = page.rows("Orders for the next bar")[::-1]
    assert (bought["Symbol"].text, bought["Next"].text, bought["Held"].text) == (
        FREE,
        "buy",
        "none",
    )
    assert (sold["Symbol"].text, sold["Next"].text, sold["Next"].note) == (
        HELD, "sell", "waits for volume",
    )  # fmt: skip
    assert (sold["Shares"].value, sold["Entry price"].value, sold["Stop"].value) == (
        "12.5", "101.25", "90.5",
    )  # fmt: skip
    assert sold["Stop"].text == numbers.show_money(90.5)
    assert (sold["At"].text, sold["Last bar"].text) == ("open", str(END))
    assert f"after {END}" in page.root.get_text()


def test_all_positions_are_in_the_csv_file(inputs: PositionsInputs):
    (content,) = build_positions(inputs).files.values()
    rows = [line.split(",")[:5] for line in content.decode().splitlines()]
    assert rows == [
        ["strategy", "symbol", "action", "held", "next_side"],
        ["macd", HELD, "hold", "1", "1"],
        ["macd", FREE, "stay out", "0", "0"],
        ["rsi", HELD, "sell", "1", "0"],
        ["rsi", FREE, "buy", "0", "1"],
    ]


def test_what_a_strategy_holds_has_a_page(inputs: PositionsInputs):
    pages = {one.path: PageFile.of(one.body) for one in build_held(inputs)}
    assert list(pages) == [f"positions/{name}.html" for name in NAMES]
    (held,) = pages["positions/macd.html"].rows("Held by macd at the last close")
    assert (held["Symbol"].text, held["Next"].text) == (HELD, "hold")


def test_a_run_without_positions_says_so(reported: Reported):
    page = reported.site.page("positions.html")
    assert "This run left no positions" in page.text
