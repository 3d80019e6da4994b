"""The Python, the columns and the links of docs/forward.md are correct."""

import re
from datetime import date
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from research.forward.expectation import LEAST_BARS
from research.forward.next_actions import ACTIONS
from resources.price_store.universe_benchmark import LEAST_SHARE
from resources.result_store.connection import create_engine_for, parse_url
from resources.result_store.forward.schemas import POSITIONS_SCHEMA, RECORDS_SCHEMA
from resources.result_store.manager import BacktestPersistenceManager
from tests.resources.result_store.forward.nights import FROZEN_ON, begins, days, night, position

DOCS = Path(__file__).resolve().parents[1] / "docs"
PAGE = (DOCS / "forward.md").read_text()


def test_examples_run_and_show_what_is_stored(
    database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    engine = create_engine_for(parse_url(database))
    manager = BacktestPersistenceManager(engine)
    given = [position(symbol="AAPL"), position(symbol="MSFT", next_side=1, action="hold")]
    manager.append_forward("run-1", "files", [begins(), begins("macd")], given)
    manager.append_forward("run-2", "files", [night(count=3)])
    engine.dispose()
    monkeypatch.setenv("DATABASE_URL", database)
    monkeypatch.chdir(tmp_path)
    names: dict[str, Any] = {}
    for block in re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL):
        exec(block, names)  # noqa: S102 - the example of the document
    assert names["positions"]["symbol"].to_list() == ["AAPL", "MSFT"]
    assert pl.read_csv(tmp_path / "orders.csv")["action"].to_list() == ["sell"]
    assert names["held"]["bar"].to_list() == [FROZEN_ON]
    assert names["records"].select("strategy", "days").rows() == [("macd", 0), ("rsi", 3)]
    added = days(FROZEN_ON, 3)
    assert names["days"]["session"].to_list() == [date(2024, 1, day) for day in (6, 7, 8)]
    assert names["days"]["universe_return"].to_list() == added.returns.tolist()
    assert names["accounts"]["side"].to_list() == [1] * 3 + [-1] * 3


def test_columns_actions_and_limits_are_those_of_the_code():
    table = PAGE[PAGE.index("| column |") : PAGE.index("They come from")]
    listed = re.findall(r"`([a-z_ ]+)`", table)
    columns = {name for name in POSITIONS_SCHEMA if name in listed}
    assert set(POSITIONS_SCHEMA) - columns == {"strategy", "symbol", "source", "run_id"}
    actions = {one for one in ACTIONS.values() if " and " not in one}
    assert set(listed) - columns - actions <= {"open", "close", "same_close"}
    for name in re.findall(r"`((?:cone|live|joining|total|decay)\w*)`", PAGE):
        assert name in RECORDS_SCHEMA, name
    assert f"It takes {LEAST_BARS} bars" in PAGE
    assert f"more than {1 - float(LEAST_SHARE):.0%}".replace("%", " %") in PAGE


def test_links_exist():
    for path in re.findall(r"\]\((?!http)([^)]+)\)", PAGE):
        assert (DOCS / path).exists(), path
