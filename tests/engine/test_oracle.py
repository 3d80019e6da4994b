"""Real bars: the engine agrees with vectorbt's own Portfolio on each symbol alone, to 1e-9."""

from importlib.resources import files
from typing import Any

import numpy as np
import pandas as pd
import pytest
import vectorbt as vbt

from engine.backtest import VectorBTEngine
from engine.history import History
from engine.results import BacktestResult
from engine.settings import Window
from strategies.base import Bars, Strategy
from strategies.registry import registered_strategies

SYMBOLS = ["AAPL", "FB", "GOOG", "IBM", "MSFT"]


def _real_bars() -> dict[str, pd.DataFrame]:
    """Return adjusted bars a symbol, read and adjusted here, by pandas alone."""
    with files("bokeh_sampledata").joinpath("_data/stocks.csv.gz").open("rb") as packed:
        table = pd.read_csv(packed, compression="gzip", parse_dates=["Date"], index_col="Date")
    factor = table["Adj Close"] / table["Close"]
    for column in ("Open", "High", "Low", "Close"):
        table[column] *= factor
    return {str(symbol): rows for symbol, rows in table.groupby("Ticker")}


REAL = _real_bars()
WINDOW = Window(REAL["AAPL"].index[0].date(), REAL["AAPL"].index[-1].date())


def _history(symbol: str) -> History:
    rows = REAL[symbol]
    columns = (rows[name].to_numpy(float) for name in ("Open", "High", "Low", "Close", "Volume"))
    return History(symbol, rows.index.to_numpy().astype("datetime64[D]"), Bars(*columns))


HISTORIES = [_history(symbol) for symbol in SYMBOLS]


def _portfolio(symbol: str, strategy: Strategy, price: str = "Open") -> vbt.Portfolio:
    rows, bars = REAL[symbol], _history(symbol).bars
    signals = strategy.signals(bars)
    entries = pd.Series(signals.entries, index=rows.index).shift(1, fill_value=False)
    exits = pd.Series(signals.exits, index=rows.index).shift(1, fill_value=False)
    return vbt.Portfolio.from_signals(
        rows["Close"],
        entries,
        exits,
        price=rows[price],
        fees=0.001,
        slippage=0.001,
        init_cash=10_000,
        freq="1D",
        engine="rust",
    )


def _oracle(portfolio: Any) -> dict[str, float]:
    """Return the metrics by Portfolio's own accessors, which it adds to itself at run time."""
    year = {"year_freq": "252D"}
    closed = portfolio.trades.closed
    return {
        "total_return": portfolio.total_return(),
        "annualized_return": portfolio.annualized_return(**year),
        "annualized_volatility": portfolio.annualized_volatility(**year),
        "sharpe_ratio": portfolio.sharpe_ratio(**year),
        "sortino_ratio": portfolio.sortino_ratio(**year),
        "calmar_ratio": portfolio.calmar_ratio(**year),
        "omega_ratio": portfolio.omega_ratio(**year),
        "max_drawdown": portfolio.max_drawdown(),
        "value_at_risk": portfolio.value_at_risk(),
        "conditional_value_at_risk": portfolio.cond_value_at_risk(),
        "win_rate": closed.win_rate(),
        "profit_factor": closed.profit_factor(),
        "expectancy": closed.expectancy(),
        "average_trade_return": closed.returns.mean(),
        "best_trade": closed.returns.max(),
        "worst_trade": closed.returns.min(),
        "total_trades": portfolio.trades.count(),
        "closed_trades": closed.count(),
        "open_trades": portfolio.trades.open.count(),
        "downside_volatility": portfolio.downside_risk(**year),
        "max_drawdown_duration": portfolio.drawdowns.max_duration(),
        "winning_trades": closed.winning.count(),
        "losing_trades": closed.losing.count(),
        "average_trade_duration": closed.duration.mean(),
        "exposure": portfolio.position_coverage(),
        "peak_value": portfolio.value().max(),
        "alpha": portfolio.alpha(**year),
        "beta": portfolio.beta(),
        "information_ratio": portfolio.information_ratio(),
        "final_value": portfolio.final_value(),
        "total_fees": portfolio.orders.fees.sum(),
        "benchmark_return": portfolio.total_benchmark_return(),
    }


@pytest.mark.parametrize("name", sorted(registered_strategies()))
def test_five_real_symbols_agree_with_vectorbt(name: str):
    strategy = registered_strategies()[name]()
    outcome = VectorBTEngine().run_batch(HISTORIES, strategy, WINDOW)
    assert [result.symbol for result in outcome.results] == SYMBOLS
    for result in outcome.results:
        _assert_agrees(result, _oracle(_portfolio(result.symbol, strategy)))


def _assert_agrees(result: BacktestResult, oracle: dict[str, float]) -> None:
    for metric, expected in oracle.items():
        value = result.metrics[metric]
        if value is None:
            assert not np.isfinite(expected), metric
        else:
            assert value == pytest.approx(expected, rel=1e-9, abs=1e-9), metric


def test_the_oracle_notices_a_fill_at_the_wrong_price():
    strategy = registered_strategies()["sma_cross"]()
    (result,) = VectorBTEngine().run_batch([_history("IBM")], strategy, WINDOW).results
    with pytest.raises(AssertionError, match="total_return"):
        _assert_agrees(result, _oracle(_portfolio("IBM", strategy, price="Close")))


def test_the_portfolio_handed_over_is_the_same_run():
    strategy = registered_strategies()["rsi"]()
    engine = VectorBTEngine()
    (result,) = engine.run_batch([_history("MSFT")], strategy, WINDOW).results
    portfolio = engine.portfolio(_history("MSFT"), strategy, WINDOW)
    _assert_agrees(result, _oracle(portfolio))
    np.testing.assert_allclose(portfolio.value().to_numpy(), result.equity, rtol=1e-12)
