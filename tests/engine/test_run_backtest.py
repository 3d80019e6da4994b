"""run_backtest: the content of its dict, and an event loop that is not blocked."""

import asyncio
import threading
from datetime import date
from typing import Any

import pandas as pd
import pytest

from engine import backtest
from engine.backtest import VectorBTEngine
from engine.code_version import code_version
from engine.settings import BacktestSettings
from strategies.base import Bars, Signals
from tests.bars import FIRST_DAY, build_bars
from tests.engine.planned import Planned

# Seconds; reached only if the loop is blocked, which fails the test.
PATIENCE = 10

LOOPS: list[asyncio.AbstractEventLoop] = []


def _frame() -> pd.DataFrame:
    prices = [100.0, 100.0, 110.0, 99.0, 90.0, 95.0]
    bars = build_bars(prices, prices)
    index = pd.date_range(pd.Timestamp(FIRST_DAY), periods=6, freq="D")
    return pd.DataFrame({name: getattr(bars, name) for name in bars.__dataclass_fields__}, index)


class Provider:
    def get_stock_data(self, symbol: str, start_date: date, end_date: date, interval: str):
        return _frame()


def _wait_for_the_loop() -> None:
    """Schedule a call on the event loop, and wait until it has run."""
    done = threading.Event()
    LOOPS[-1].call_soon_threadsafe(done.set)
    assert done.wait(PATIENCE)


class WaitingProvider(Provider):
    def get_stock_data(self, symbol: str, start_date: date, end_date: date, interval: str):
        _wait_for_the_loop()
        return super().get_stock_data(symbol, start_date, end_date, interval)


class WaitingStrategy(Planned):
    def signals(self, bars: Bars) -> Signals:
        _wait_for_the_loop()
        return super().signals(bars)


@pytest.fixture(autouse=True)
def planned(monkeypatch: pytest.MonkeyPatch) -> None:
    """Register `planned` as a strategy that buys on the first bar and sells on the third."""

    class Registered:
        @staticmethod
        def from_mapping(parameters: Any) -> Planned:
            return (parameters or {}).get("made_as", Planned)([0], [2])

    monkeypatch.setattr(backtest, "get_strategy", lambda _: Registered)


def _run(
    engine: VectorBTEngine,
    parameters: Any = None,
    start: date = date(2021, 1, 4),
    end: date = date(2021, 1, 9),
):
    return engine.run_backtest("AAPL", "planned", parameters, start, end)


def test_the_dict_holds_the_run_and_its_result():
    free = BacktestSettings(fees=0.0, slippage=0.0)
    result = asyncio.run(_run(VectorBTEngine(free, Provider())))
    assert list(result) == [
        "symbol",
        "strategy",
        "parameters",
        "metrics",
        "undefined",
        "trades",
        "equity_curve",
        "drawdown_series",
        "start_date",
        "end_date",
        "initial_capital",
        "settings",
        "bars_per_year",
        "first_session",
        "last_session",
        "ended_early",
        "source",
        "data_version",
        "code_version",
        "price_basis",
    ]
    stored = {"price_basis": "adjusted", "warmup_days": 365}
    assert result["settings"] == free.as_dict() | stored
    assert (result["bars_per_year"], result["source"]) == (252.0, "Provider")
    assert result["code_version"] == code_version(Planned)
    assert (result["last_session"], result["ended_early"]) == (date(2021, 1, 9), False)
    assert (result["symbol"], result["strategy"]) == ("AAPL", "planned")
    assert (result["start_date"], result["end_date"]) == (date(2021, 1, 4), date(2021, 1, 9))
    assert result["initial_capital"] == 10_000.0
    assert result["trades"] == [
        {
            "status": "closed",
            "direction": "long",
            "entry_date": date(2021, 1, 5),
            "entry_price": 100.0,
            "exit_date": date(2021, 1, 7),
            "exit_price": 99.0,
            "size": 100.0,
            "entry_fees": 0.0,
            "exit_fees": 0.0,
            "pnl": -100.0,
            "return": -0.01,
            "exit_reason": "signal",
        }
    ]
    days = pd.date_range("2021-01-04", periods=6)
    equity = [10_000.0, 10_000.0, 11_000.0, 9_900.0, 9_900.0, 9_900.0]
    assert result["equity_curve"].tolist() == pytest.approx(equity)
    assert result["equity_curve"].index.equals(days)
    assert result["drawdown_series"].tolist() == pytest.approx([0, 0, 0, -0.1, -0.1, -0.1])
    assert result["drawdown_series"].index.equals(days)
    assert result["metrics"]["max_drawdown"] == pytest.approx(-0.1)


def test_bars_that_end_early_are_reported():
    result = asyncio.run(_run(VectorBTEngine(None, Provider()), end=date(2021, 3, 1)))
    assert result["ended_early"]
    assert (result["first_session"], result["last_session"]) == (
        date(2021, 1, 4),
        date(2021, 1, 9),
    )
    assert result["end_date"] == date(2021, 3, 1)


def test_costs_and_capital_of_a_call_replace_the_settings():
    call = VectorBTEngine(BacktestSettings(slippage=0.0), Provider()).run_backtest(
        "AAPL", "planned", None, "2021-01-04", "2021-01-09", initial_capital=500, fees=0.01
    )
    result = asyncio.run(call)
    settings = BacktestSettings(initial_capital=500.0, fees=0.01, slippage=0.0)
    expected = asyncio.run(_run(VectorBTEngine(settings, Provider())))
    assert result["metrics"] == expected["metrics"]
    assert result["settings"]["fees"] == 0.01
    assert result["initial_capital"] == result["equity_curve"].iloc[0] == 500.0


def test_changing_a_result_does_not_change_the_next_one():
    async def twice() -> list[dict[str, Any]]:
        engine = VectorBTEngine(None, Provider())
        first = await _run(engine)
        first["metrics"].clear()
        first["equity_curve"][:] = 0.0
        return [first, await _run(engine)]

    _, second = asyncio.run(twice())
    assert second["metrics"]["final_value"] == second["equity_curve"].iloc[-1] > 0


async def _remembering_its_loop(engine: VectorBTEngine, made_as: type) -> dict[str, Any]:
    LOOPS.append(asyncio.get_running_loop())
    return await _run(engine, {"made_as": made_as})


def test_the_event_loop_is_free_while_signals_are_computed():
    engine = VectorBTEngine(None, Provider())
    result = asyncio.run(_remembering_its_loop(engine, WaitingStrategy))
    assert result["metrics"]["total_trades"] == 1


def test_the_event_loop_is_free_while_a_provider_waits():
    engine = VectorBTEngine(None, WaitingProvider())
    result = asyncio.run(_remembering_its_loop(engine, Planned))
    assert result["metrics"]["total_trades"] == 1


def test_concurrent_backtests_equal_single_ones():
    async def many() -> list[dict[str, Any]]:
        engine = VectorBTEngine(None, Provider())
        return await asyncio.gather(*(_run(engine) for _ in range(8)))

    results = asyncio.run(many())
    alone = asyncio.run(_run(VectorBTEngine(None, Provider())))
    assert all(result["metrics"] == alone["metrics"] for result in results)
