"""The exported vectorbt Portfolio has the same value, trades and metrics."""

import sys
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import vectorbt as vbt

from engine.backtest import VectorBTEngine
from engine.errors import MissingPackageError, UnlikeResultError, UnusableBarsError
from engine.settings import BacktestSettings, Window
from engine.vectorbt_export import export_portfolio
from strategies.registry import registered_strategies
from tests.bars import build_bars, history, ohlc
from tests.engine.cases import FREE, day, fills, run
from tests.engine.oracle import assert_agrees, settings_of
from tests.engine.planned import Planned
from tests.engine.real import WINDOW, real_history

STOPS = {"stop_loss": 0.05, "trailing_stop": 0.08, "take_profit": 0.1}


@pytest.mark.parametrize("direction", ["long", "short", "both"])
@pytest.mark.parametrize("execution", ["next_open", "same_close"])
@pytest.mark.parametrize("stops", [{}, STOPS])
def test_an_exported_portfolio_agrees_with_the_result(
    direction: str, execution: str, stops: dict[str, float]
):
    engine = VectorBTEngine(settings_of(direction, execution, **stops))
    strategy = registered_strategies()["mean_reversion"]()
    (result,) = engine.run_batch([real_history("FB")], strategy, WINDOW).results
    assert len(result.trades) > 3
    portfolio = engine.portfolio(real_history("FB"), strategy, WINDOW)
    assert isinstance(portfolio, vbt.Portfolio)
    assert_agrees(result, portfolio)


def test_several_trades_on_one_bar_are_exported_separately():
    quiet = (100.0, 105.0, 95.0, 100.0)
    bars = ohlc(quiet, quiet, (100, 111, 99, 101), (100, 101, 89, 99), quiet)
    # Short at the open of bar 2 and stopped on it; long at the open of bar 3 and stopped on it.
    settings = replace(FREE, direction="both", stop_loss=0.1)
    result = run(bars, [0, 2], [1], settings)
    assert [(entry, exit_) for entry, _, exit_, *_ in fills(result)] == [(1, 2), (2, 2), (3, 3)]
    portfolio = export_portfolio(result)
    np.testing.assert_allclose(portfolio.value().to_numpy(), result.equity, rtol=1e-12)
    assert len(portfolio.get_trades().values) == 3


PRICES = build_bars(
    [100, 100, 100, 110, 110, 100, 100, 100], [100, 100, 110, 110, 100, 100, 100, 100]
)


@pytest.mark.parametrize(
    ("costs", "volume", "last", "told"),
    [
        ({"model": "cash_interest", "rate": 0.5}, 1e6, 7, "11,001.37 instead of 11,060.40"),
        ({"model": "square_root_impact", "coefficient": 0}, 300.0, 5, "instead of"),
        ({"model": "square_root_impact", "coefficient": 0}, 300.0, 7, "instead of"),
    ],
    ids=["interest", "unfinished exit", "exit over several bars"],
)
def test_what_a_portfolio_can_not_show_is_refused(
    costs: dict[str, Any], volume: float, last: int, told: str
):
    bars = replace(PRICES, volume=np.array([1e6] * 4 + [volume] * 4))
    settings = BacktestSettings(costs=[costs])
    with pytest.raises(UnlikeResultError, match=told):
        export_portfolio(run(bars, [0], [3], settings, last=last))


def test_composed_costs_of_single_fills_are_exported():
    costs = [{"model": "per_order", "amount": 10}, {"model": "half_spread", "basis_points": 20}]
    result = run(PRICES, [0], [3], BacktestSettings(costs=[*costs, {"model": "lots"}]))
    portfolio = export_portfolio(result)
    np.testing.assert_allclose(portfolio.value().to_numpy(), result.equity, rtol=1e-12)


def test_a_portfolio_without_trades_is_the_cash():
    engine = VectorBTEngine(BacktestSettings(initial_capital=500))
    bars = history(ohlc((1, 2, 0.5, 1), (1, 2, 0.5, 2)))
    portfolio = engine.portfolio(bars, Planned([], []), Window(day(0), day(1)))
    assert portfolio.value().tolist() == [500.0, 500.0]
    assert portfolio.close.name == "TEST"


def test_bars_that_cannot_be_simulated_are_refused():
    bars = history(ohlc((1, 2, 0.5, -1)))
    with pytest.raises(UnusableBarsError, match="TEST has the close"):
        VectorBTEngine().portfolio(bars, Planned([], []), Window(day(0), day(1)))


def test_without_vectorbt_the_export_says_how_to_install_it(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(sys.modules, "vectorbt", None)  # as if it were not installed
    with pytest.raises(MissingPackageError, match=r"^A vectorbt Portfolio needs packages that are"):
        VectorBTEngine().portfolio(real_history("AAPL"), registered_strategies()["rsi"](), WINDOW)
