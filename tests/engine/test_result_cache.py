"""The cache of single backtests: hits for the same content, misses for any other, copies only."""

import asyncio
import math
from typing import Any

import pandas as pd
import pytest

from engine import result_cache
from engine.backtest import VectorBTEngine
from engine.errors import InvalidSettingsError
from engine.settings import BacktestSettings
from tests.bars import random_frame
from tests.flips import flip_bits


class Provider:
    def __init__(self) -> None:
        self.frame = random_frame(300, seed=1)

    def get_stock_data(self, symbol: str, start_date: str, end_date: str, interval: str):
        return self.frame


@pytest.fixture
def engine() -> VectorBTEngine:
    return VectorBTEngine(data_provider=Provider(), cache={})  # pyright: ignore[reportArgumentType]


def _run(engine: VectorBTEngine, **given: Any) -> dict[str, Any]:
    asked = {
        "symbol": "AAPL", "strategy_type": "sma_cross", "parameters": None,
        "start_date": "2021-03-01", "end_date": "2021-10-31",
    }  # fmt: skip
    return asyncio.run(engine.run_backtest(**{**asked, **given}))


def _stats(engine: VectorBTEngine) -> tuple[int, int]:
    assert engine.cache is not None
    return engine.cache.stats.hits, engine.cache.stats.misses


def test_a_hit_equals_what_was_computed(engine: VectorBTEngine):
    first = _run(engine)
    second = _run(engine, parameters={"fast_period": 10})
    assert _stats(engine) == (1, 1)
    for name in ("equity_curve", "drawdown_series"):
        pd.testing.assert_series_equal(first.pop(name), second.pop(name), check_exact=True)
    assert first == second


def test_a_flipped_bit_in_an_entry_is_a_miss(engine: VectorBTEngine):
    value = _run(engine)["metrics"]["final_value"]
    assert engine.cache is not None
    entries: Any = engine.cache.entries
    ((key, entry),) = entries.items()
    for number, flipped in enumerate(flip_bits(entry, 20), start=2):
        entries[key] = flipped
        assert _run(engine)["metrics"]["final_value"] == value
        assert _stats(engine) == (0, number)
        assert entries[key] == entry


def test_a_caller_cannot_change_what_is_cached(engine: VectorBTEngine):
    first = _run(engine)
    value = first["metrics"]["final_value"]
    first["metrics"].clear()
    first["equity_curve"][:] = 0.0
    second = _run(engine)
    second["trades"].clear()
    third = _run(engine)
    assert third["metrics"]["final_value"] == third["equity_curve"].iloc[-1] == value > 0
    assert third["trades"]


def _nudge(provider: Any) -> None:
    column = provider.frame.columns.get_loc("Close")
    provider.frame.iloc[-1, column] = math.nextafter(provider.frame.iloc[-1, column], 0.0)


class OtherProvider(Provider):
    pass


@pytest.mark.parametrize(
    "change",
    [
        lambda _: {"parameters": {"fast_period": 15}},
        lambda _: {"strategy_type": "rsi"},
        lambda _: {"symbol": "MSFT"},
        lambda _: {"start_date": "2021-03-02"},
        lambda _: {"end_date": "2021-10-30"},
        lambda _: {"fees": 0.002},
        lambda engine: _nudge(engine.data_provider),
        lambda engine: setattr(engine, "settings", BacktestSettings(direction="both")),
        lambda engine: setattr(engine, "data_provider", OtherProvider()),
    ],
)
def test_anything_that_decides_a_result_misses(engine: VectorBTEngine, change: Any):
    _run(engine)
    _run(engine, **(change(engine) or {}))
    assert _stats(engine) == (0, 2)


def test_edited_code_misses(engine: VectorBTEngine, monkeypatch: pytest.MonkeyPatch):
    _run(engine)
    monkeypatch.setattr(result_cache, "code_version", lambda _: "edited")
    _run(engine)
    assert _stats(engine) == (0, 2)


def test_bars_after_the_window_do_not_matter(engine: VectorBTEngine):
    _run(engine, end_date="2021-09-30")
    _nudge(engine.data_provider)
    _run(engine, end_date="2021-09-30")
    assert _stats(engine) == (1, 1)


def test_a_cache_that_is_no_mapping_is_refused():
    with pytest.raises(InvalidSettingsError, match="cache is True; allowed: a mapping such as"):
        VectorBTEngine(cache=True)  # pyright: ignore[reportArgumentType]
