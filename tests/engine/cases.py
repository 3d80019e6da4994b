"""One backtest of hand-written bars and signals, for tests with outcomes computed by hand."""

from datetime import date
from typing import Any

from engine.backtest import VectorBTEngine
from engine.history import History
from engine.results import BacktestResult
from engine.settings import BacktestSettings, Window
from strategies.base import Bars
from tests.bars import DAY, FIRST_DAY, history
from tests.engine.planned import Planned

FREE = BacktestSettings(fees=0.0, slippage=0.0)


def day(bar: int) -> date:
    """Return the day of a bar of `tests.bars.history`."""
    return (FIRST_DAY + bar * DAY).astype(date)


def run(
    bars: Bars | History,
    entries: list[int],
    exits: list[int],
    settings: BacktestSettings = FREE,
    first: int = 0,
    last: int | None = None,
) -> BacktestResult:
    """Return the backtest of signals on the given bars, over the window from `first` to `last`."""
    given = bars if isinstance(bars, History) else history(bars)
    window = Window(day(first), day(len(given.dates) - 1 if last is None else last))
    outcome = VectorBTEngine(settings).run_batch([given], Planned(entries, exits), window)
    assert not outcome.failures
    return outcome.results[0]


def fills(result: BacktestResult) -> list[tuple[Any, ...]]:
    """Return each trade as entry bar and price, exit bar and price, and why it ended."""
    return [
        (
            int(record["entry_idx"]),
            float(record["entry_price"]),
            int(record["exit_idx"]),
            float(record["exit_price"]),
            trade["exit_reason"],
        )
        for record, trade in zip(result.trades, result.as_dict()["trades"], strict=True)
    ]
