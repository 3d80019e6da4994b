"""Metrics against the symbol and the universe: by hand, and by vectorbt's returns accessor."""

from datetime import date

import numpy as np
import pandas as pd
import pytest
import vectorbt  # noqa: F401 - gives pandas the accessor

from engine.backtest import VectorBTEngine
from engine.equal_weight import EqualWeight
from engine.settings import BacktestSettings, Window
from strategies.registry import registered_strategies
from tests.bars import build_bars, random_bars, random_history
from tests.engine.cases import run
from tests.engine.metrics.ten_bars import ten_bars
from tests.engine.oracle import EXACT

WINDOW = Window(date(2021, 2, 1), date(2022, 3, 1))
HISTORIES = [
    random_history(f"S{n}", length, n) for n, length in enumerate([420, 420, 60, 333, 777])
]
UNIVERSE = EqualWeight.of(HISTORIES, WINDOW)


def test_the_benchmark_buys_at_the_first_close_without_costs():
    metrics = ten_bars().metrics
    assert metrics["benchmark_return"] == pytest.approx(0.2)
    assert metrics["excess_return"] == pytest.approx(0.188 - 0.2)
    dear = run(build_bars([50, 100, 100], [100, 100, 150]), [], [], BacktestSettings())
    assert dear.metrics["benchmark_return"] == pytest.approx(0.5)
    assert dear.metrics["excess_return"] == pytest.approx(-0.5)


def test_beta_and_alpha_equal_those_computed_by_hand():
    # Invested on the bars of +10 % and -10 %, out on those of +20 % and -20 %.
    prices = [100.0, 100.0, 110.0, 99.0, 118.8, 95.04]
    result = run(build_bars(prices, prices), [0], [2])
    market = np.array([0, 0, 0.1, -0.1, 0.2, -0.2])
    own = np.array([0, 0, 0.1, -0.1, 0, 0])
    beta = np.cov(own, market)[0, 1] / np.var(market, ddof=1)
    assert beta == pytest.approx(0.2)
    assert result.metrics["beta"] == pytest.approx(beta)
    alpha = (1 + (own - beta * market).mean()) ** 252 - 1
    assert result.metrics["alpha"] == pytest.approx(alpha)
    active = own - market
    expected = 0.0 if abs(active.mean()) < 1e-12 else active.mean() / active.std(ddof=1)
    assert result.metrics["information_ratio"] == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("seed", range(20))
def test_returns_equal_to_the_market_have_no_information_ratio(seed: int):
    # Both returns are computed differently, and differ by rounding errors of 1e-16.
    settings = BacktestSettings(
        initial_capital=777.7, fees=0, slippage=0, execution="same_close", direction="both"
    )
    result = run(random_bars(50, seed), [0], [], settings)
    assert result.metrics["beta"] == pytest.approx(1.0)
    assert result.metrics["information_ratio"] is None
    assert result.undefined["information_ratio"] == "the returns are those of the benchmark"


def test_beta_is_undefined_in_a_flat_market():
    result = run(build_bars([10.0] * 5, [10.0] * 5), [0], [2], BacktestSettings())
    for name in ("alpha", "beta"):
        assert result.undefined[name] == "the benchmark did not move"


@pytest.mark.parametrize("direction", ["long", "both"])
def test_universe_metrics_agree_with_vectorbt(direction: str):
    settings = BacktestSettings(direction=direction)  # pyright: ignore[reportArgumentType]
    strategy = registered_strategies()["rsi"](period=7)  # pyright: ignore[reportCallIssue]
    results = VectorBTEngine(settings).run_batch(HISTORIES, strategy, WINDOW, UNIVERSE).results
    assert len(results) == 5
    for result in results:
        if result.equity.min() <= 0:
            assert result.undefined["universe_alpha"] == "the capital was lost"
            continue
        index = pd.DatetimeIndex(result.dates)
        equity = pd.Series(result.equity, index=index)
        returns = equity.pct_change().fillna(0.0)
        returns.iloc[0] = equity.iloc[0] / 10_000 - 1
        market = pd.Series(UNIVERSE.returns_on(result.dates), index=index)
        accessor = returns.vbt.returns(benchmark_rets=market, freq="1D", year_freq="252D")
        total = (1 + market).prod() - 1
        own = result.metrics["total_return"]
        expected = {
            "universe_return": total,
            "universe_excess_return": (own or 0.0) - total,
            "universe_alpha": accessor.alpha(),
            "universe_beta": accessor.beta(),
            "universe_information_ratio": accessor.information_ratio(),
        }
        for name, value in expected.items():
            assert result.metrics[name] == pytest.approx(value, **EXACT), name


def test_universe_metrics_are_undefined_without_a_universe():
    result = run(build_bars([1, 2, 3], [1, 2, 3]), [0], [])
    for name in result.metrics:
        if name.startswith("universe_"):
            assert result.undefined[name] == "no equal-weight universe was given"
