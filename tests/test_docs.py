"""The Python, figures and links of docs/engine.md are correct."""

import asyncio
import re
import textwrap
from datetime import date
from pathlib import Path

import pandas as pd
import pytest

from engine.data_provider import frame_to_history
from engine.history import BARS_PER_YEAR
from engine.settings import BacktestSettings
from resources.trading_calendar import get_calendar
from tests.bars import random_bars

DOCS = Path(__file__).resolve().parents[1] / "docs"
ENGINE = (DOCS / "engine.md").read_text()
START, END = date(2021, 6, 1), date(2022, 6, 30)
SESSIONS = get_calendar().sessions(date(2021, 1, 4), date(2023, 12, 29))


def _frame(seed: int) -> pd.DataFrame:
    bars = random_bars(600, seed)
    columns = {"Open": bars.open, "High": bars.high, "Low": bars.low, "Close": bars.close}
    index = pd.DatetimeIndex(SESSIONS[:600])
    return pd.DataFrame({**columns, "Volume": bars.volume}, index=index)


class Provider:
    def get_stock_data(self, symbol: str, start_date: date, end_date: date, interval: str):
        return _frame(0)


def test_examples_run_in_order():
    source = "\n".join(re.findall(r"```python\n(.*?)```", ENGINE, re.DOTALL))
    program = f"async def example():\n{textwrap.indent(source, '    ')}\n    return locals()\n"
    names = {
        "provider": Provider(),
        "histories": [frame_to_history(f"S{seed}", _frame(seed)) for seed in range(3)],
        "start": START,
        "end": END,
    }
    exec(program, names)  # noqa: S102 - the examples of the document
    shown = asyncio.run(names["example"]())  # pyright: ignore[reportCallIssue]
    assert len(shown["table"]) == 3 * len(shown["strategies"])
    assert not shown["outcome"].failures
    assert len(shown["swept"].results) == 3 * 2
    assert shown["swept"].skipped == [{"fast_period": 20}]
    sharpe = shown["portfolio"].sharpe_ratio(year_freq="252D")
    assert sharpe == pytest.approx(shown["outcome"].results[0].metrics["sharpe_ratio"])


def test_defaults_are_those_of_the_code():
    settings = BacktestSettings()
    assert f"{settings.initial_capital:,.0f} at the start" in ENGINE
    assert f"`fees` ({settings.fees:.1%}) of the value".replace("%", " %") in ENGINE
    assert f"`slippage` ({settings.slippage:.1%}) worse".replace("%", " %") in ENGINE
    assert f"{BARS_PER_YEAR:.0f}\nbars per year" in ENGINE


def test_links_exist():
    for path in re.findall(r"\]\((?!http)([^)]+)\)", ENGINE):
        assert (DOCS / path).exists(), path
