"""Accounts in which something is missing: sessions, money, deviation, an affordable share."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, ClassVar

import numpy as np
import pytest
from numpy.typing import ArrayLike

from engine.equal_weight import EqualWeight
from engine.history import History
from engine.settings import BacktestSettings, Window
from research.portfolio.frames import build_trades
from research.portfolio.measures import measure_portfolio
from research.portfolio.parsing import parse_definition
from research.portfolio.portfolio import Portfolio, simulate_portfolio
from research.portfolio.universe import build_portfolio_universe
from strategies.base import Bars, Signals, Strategy

FREE = BacktestSettings(fees=0.0, slippage=0.0)
EVERY_DAY = np.arange("2021-09-01", "2021-12-31", dtype="datetime64[D]")
WEEKDAYS = EVERY_DAY[np.is_busday(EVERY_DAY)]


def planned(plan: Mapping[float, Mapping[int, bool]]) -> Strategy:
    """Return a strategy that enters, or leaves, on given bars of symbols by their first close."""

    class Planned(Strategy):
        name: ClassVar[str] = "planned"

        @property
        def lookback_bars(self) -> int:
            return 0

        def signals(self, bars: Bars) -> Signals:
            entries, exits = np.zeros((2, len(bars.close)), dtype=np.bool_)
            for bar, enters in plan.get(float(bars.close[0]), {}).items():
                (entries if enters else exits)[bar] = True
            return Signals(entries, exits)

    return Planned()


def history(symbol: str, closes: ArrayLike, days: np.ndarray | None = None) -> History:
    """Return bars that open at the close before."""
    close = np.array(closes, dtype=np.float64)
    open_ = np.append(close[:1], close[:-1])
    high, low = np.maximum(open_, close), np.minimum(open_, close)
    dates = EVERY_DAY[: len(close)] if days is None else days
    return History(symbol, dates, Bars(open_, high, low, close, np.full(len(close), 1e6)))


def simulate(
    histories: list[History],
    plan: Mapping[float, Mapping[int, bool]],
    given: dict[str, Any],
    settings: BacktestSettings = FREE,
    orders: int = 0,
) -> Portfolio:
    dates = np.concatenate([one.dates for one in histories])
    window = Window(dates.min().item(), dates.max().item())
    names = [one.symbol for one in histories]
    definition = parse_definition("mine", {"strategies": ["planned"], **given}, names, ["planned"])
    universe = build_portfolio_universe(
        histories,
        [definition],
        {"planned": planned(plan)},
        settings,
        window,
        equal_weight=EqualWeight.of(histories, window),
        bars_per_year=252.0,
    )
    return simulate_portfolio(definition, universe, orders=orders)


def fills(portfolio: Portfolio) -> list[tuple[str, str, str]]:
    """Return day, symbol and reason of each fill."""
    trades = build_trades(portfolio).sort("date", "symbol")
    return [(str(day), *rest) for day, *rest in trades.select("date", "symbol", "reason").rows()]


def test_a_month_is_rebalanced_when_its_symbols_trade():
    # The first session of October 2021 is a Friday: on Saturday only one of the symbols trades.
    stocks = [history(f"N{at}", np.full(len(WEEKDAYS), 100.0 + at), WEEKDAYS) for at in range(3)]
    coin = history("BTC", np.full(len(EVERY_DAY), 500.0), EVERY_DAY)
    late = int(np.searchsorted(WEEKDAYS, np.datetime64("2021-09-27")))
    plan = {100.0: {late: True}, 101.0: {0: True}, 102.0: {0: True}, 500.0: {0: True}}
    given = {"sizing": "equal_weight", "rebalance": "monthly"}
    together = simulate([*stocks, coin], plan, given)
    october = [one for one in fills(together) if "2021-10" in one[0]]
    assert october == [
        ("2021-10-04", "BTC", "resize"),
        ("2021-10-04", "N0", "entry"),
        ("2021-10-04", "N1", "resize"),
        ("2021-10-04", "N2", "resize"),
    ]
    # Who else is in the universe changes nothing for a portfolio of the stocks alone.
    of_stocks = given | {"symbols": ["N0", "N1", "N2"]}
    assert fills(simulate([*stocks, coin], plan, of_stocks)) == fills(simulate(stocks, plan, given))


def test_a_halted_position_keeps_its_part():
    days = EVERY_DAY[:20]
    closes = {"A": 10.0, "B": 20.0, "C": 30.0, "D": 40.0}
    histories = [history(name, np.full(20, close), days) for name, close in closes.items()]
    histories[2].bars.volume[11] = 0.0
    plan = {close: {0: True} for close in (10.0, 20.0, 30.0)} | {40.0: {10: True}}
    portfolio = simulate(histories, plan, {"sizing": "equal_weight"})
    bought = build_trades(portfolio)
    (entry,) = bought.filter(bought["symbol"] == "D").rows(named=True)
    assert str(entry["date"]) == str(days[11])
    # A and B give what is more than a quarter each; what C has too much of can't be had.
    assert entry["value"] == pytest.approx(100_000 / 6)


RUINED = [10, 10, 10, 35, 30, 30, 6, 5, 5]


def test_an_account_without_equity_has_no_ratios():
    plan = {10.0: {0: False, 4: True}}  # of shorts, exits are what opens them
    portfolio = simulate([history("A", RUINED)], plan, {"slots": 1, "direction": "short"})
    assert (portfolio.outcome.curve < 0).any()
    assert {one[2] for one in fills(portfolio)} == {"entry", "exit"}
    measures = measure_portfolio(portfolio)
    for name in ("sharpe_ratio", "annualized_return", "annualized_volatility", "turnover"):
        assert measures[name] is None
    assert measures["mean_gross"] is measures["highest_gross"] is measures["mean_net"] is None
    assert measures["total_return"] == pytest.approx(-2.0)
    assert portfolio.breaches == []


@pytest.mark.parametrize("rate", [0.01, 0.02, 0.04, 0.05])
def test_interest_alone_has_no_sharpe_ratio(rate: float):
    costs = [{"model": "cash_interest", "rate": rate}]
    portfolio = simulate([history("A", 100.0 + np.arange(60))], {}, {"slots": 1, "costs": costs})
    measures = measure_portfolio(portfolio)
    assert measures["total_return"] == pytest.approx(rate * 59 / 365, rel=0.01)
    assert measures["sharpe_ratio"] is None


def test_luck_is_beyond_cash_as_the_account_is():
    # Whoever comes first, the account is the same: both have the same prices.
    closes = 100.0 * np.cumprod(1.0 + np.random.default_rng(1).normal(0.001, 0.01, 100))
    histories = [history("A", closes), history("B", closes)]
    costs = [{"model": "cash_interest", "rate": 0.05}]
    given = {"slots": 1, "costs": costs}
    portfolio = simulate(histories, {closes[0]: {5: True, 60: False}}, given, orders=5)
    luck, own = portfolio.luck, measure_portfolio(portfolio)["sharpe_ratio"]
    assert luck
    assert own
    assert [luck.sharpe_low, luck.sharpe_median, luck.sharpe_high] == pytest.approx([own] * 3)


@pytest.mark.parametrize(
    "costs",
    [
        None,
        [{"model": "lots"}],
        [{"model": "per_order", "amount": 9_000.0}],
        [{"model": "half_spread", "basis_points": 5.0}, {"model": "slippage", "fraction": 0.001}],
    ],
)
def test_a_stop_that_is_not_reached_changes_nothing(costs: list[dict[str, Any]] | None):
    # A share costs more than the capital of the symbol's own backtest.
    some = [history("A", np.linspace(20_000, 24_000, 60))]
    plan, given = {20_000.0: {1: True, 40: False}}, {"slots": 1, "capital": 1e6}
    settings = BacktestSettings(costs=costs) if costs else FREE
    stopped = replace(settings, stop_loss=0.5)
    free = simulate(some, plan, given, settings)
    assert len(free.outcome.fills) == 2
    np.testing.assert_array_equal(
        simulate(some, plan, given, stopped).outcome.curve, free.outcome.curve
    )


def test_a_stop_is_measured_from_the_worse_price():
    # 5 % below 100 is 95, and below 100.6, which is paid, 95.57.
    closes = [100.0, 100.0, 100.0, 95.4, *[99.0] * 10]
    plan = {100.0: {0: True}}
    for basis_points, held in ((60.0, False), (1.0, True)):
        costs = [{"model": "half_spread", "basis_points": basis_points}]
        settings = BacktestSettings(costs=costs, stop_loss=0.05)
        reasons = [one[2] for one in fills(simulate([history("A", closes)], plan, {}, settings))]
        assert ("exit" not in reasons) == held
