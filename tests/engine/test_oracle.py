"""On real bars the engine agrees with vectorbt's own Portfolio per symbol, to 1e-9."""

from dataclasses import replace

import pytest

from engine.backtest import VectorBTEngine
from engine.settings import BacktestSettings
from strategies.registry import registered_strategies
from tests.engine.oracle import assert_agrees, portfolio_from_signals, settings_of
from tests.engine.real import SYMBOLS, WINDOW, real_history

NAMES = sorted(registered_strategies())


@pytest.mark.parametrize("execution", ["next_open", "same_close"])
@pytest.mark.parametrize("direction", ["long", "short", "both"])
@pytest.mark.parametrize("name", NAMES)
def test_real_symbols_agree_with_vectorbt(name: str, direction: str, execution: str):
    strategy, settings = registered_strategies()[name](), settings_of(direction, execution)
    # vectorbt takes 70 ms per symbol: five for the default settings, three for the others.
    symbols = SYMBOLS if settings == BacktestSettings() else ["FB", "IBM", "MSFT"]
    histories = [real_history(symbol) for symbol in symbols]
    outcome = VectorBTEngine(settings).run_batch(histories, strategy, WINDOW)
    assert [result.symbol for result in outcome.results] == symbols
    agreed = 0
    for history, result in zip(histories, outcome.results, strict=True):
        if result.equity.min() <= 0:
            # vectorbt covers a ruined short only in part. See test_ruin.py.
            assert direction != "long"
            continue
        signals = strategy.signals(history.bars)
        assert_agrees(result, portfolio_from_signals(history, signals, settings))
        agreed += 1
    assert agreed


def test_a_fill_at_the_wrong_price_is_detected():
    strategy, history = registered_strategies()["sma_cross"](), real_history("IBM")
    (result,) = VectorBTEngine().run_batch([history], strategy, WINDOW).results
    other = replace(result.settings, execution="same_close")
    with pytest.raises(AssertionError, match="total_return"):
        assert_agrees(
            result, portfolio_from_signals(history, strategy.signals(history.bars), other)
        )


def test_other_settings_agree_with_vectorbt():
    settings = settings_of(
        "long", "next_open", fees=0.003, slippage=0.0005, initial_capital=777, bars_per_year=365
    )
    strategy, history = registered_strategies()["macd"](), real_history("AAPL")
    (result,) = VectorBTEngine(settings).run_batch([history], strategy, WINDOW).results
    signals = strategy.signals(history.bars)
    assert_agrees(result, portfolio_from_signals(history, signals, settings))
