"""Whole portfolios: no look-ahead, shares of strategies, attribution, luck and what is compared."""

from dataclasses import replace
from datetime import date
from typing import Any

import numpy as np
import pytest

from benchmarks.universe import history
from engine.equal_weight import EqualWeight
from engine.errors import UnusableBarsError
from engine.history import History
from engine.settings import BacktestSettings, Window
from research.portfolio.attribution import attribute_profit
from research.portfolio.definition import PortfolioDefinition
from research.portfolio.frames import build_equity, build_trades, build_weights
from research.portfolio.measures import MEASURES, describe_portfolio, measure_portfolio
from research.portfolio.parsing import parse_definition
from research.portfolio.portfolio import Portfolio, simulate_portfolio
from research.portfolio.row_frames import sum_attribution
from research.portfolio.rows import NUMBERS, flatten_facts
from research.portfolio.universe import PortfolioUniverse, build_portfolio_universe
from strategies.base import Bars
from strategies.registry import registered_strategies

BARS = 420
HISTORIES = [history(number, BARS) for number in range(12)]
SYMBOLS = [one.symbol for one in HISTORIES]
WINDOW = Window(date(2000, 6, 1), date(2001, 7, 30))
SECTORS = {name: "even" if at % 2 else "odd" for at, name in enumerate(SYMBOLS)}
SIZINGS: dict[str, dict[str, Any]] = {
    "slots": {"slots": 3},
    "monthly": {"slots": 4, "rebalance": "monthly"},
    "equal": {"sizing": "equal_weight", "limits": {"max_positions": 5}},
    "inverse": {"sizing": "inverse_volatility", "rebalance": "weekly"},
    "position": {"sizing": "volatility_target", "position_volatility": 0.08},
    "whole": {"sizing": "volatility_target", "portfolio_volatility": 0.1, "rebalance": "weekly"},
    "minimum": {"sizing": "min_variance", "rebalance": "monthly"},
    "parity": {"sizing": "risk_parity", "rebalance": "monthly"},
    "hierarchical": {"sizing": "hierarchical_risk_parity", "rebalance": "monthly"},
    "limited": {
        "slots": 6,
        "direction": "both",
        "rebalance": "daily",
        "no_trade_band": 0.01,
        "limits": {"max_net": 0.4, "min_net": -0.3, "max_sector_weight": 0.5},
    },
    "strong": {
        "strategies": {"rsi": 1, "macd": 2, "sma_cross": 2},
        "slots": 3,
    },
    "deep": {"strategies": {"rsi": 1, "bollinger": 1}, "slots": 2},
    "rising": {"strategies": "momentum", "slots": 3, "direction": "short"},
}

EXPECTED_SIDES = {"limited": {"long", "short"}, "rising": {"short"}}


def simulate(
    given: dict[str, Any],
    histories: list[History] | None = None,
    window: Window = WINDOW,
    *,
    settings: BacktestSettings | None = None,
    orders: int = 0,
) -> Portfolio:
    definition = _define(given)
    universe = _build(definition, HISTORIES if histories is None else histories, window, settings)
    return simulate_portfolio(definition, universe, orders=orders)


def _define(given: dict[str, Any]) -> PortfolioDefinition:
    return parse_definition("mine", {"strategies": ["sma_cross"], **given}, SYMBOLS)


def _build(
    definition: PortfolioDefinition,
    histories: list[History],
    window: Window = WINDOW,
    settings: BacktestSettings | None = None,
) -> PortfolioUniverse:
    return build_portfolio_universe(
        histories,
        [definition],
        {name: one() for name, one in registered_strategies().items()},
        settings or BacktestSettings(),
        window,
        equal_weight=EqualWeight.of(histories, window),
        bars_per_year=252.0,
        sectors=SECTORS,
    )


def _cut(number: int, end: np.datetime64) -> History:
    """Return a history up to a day whose close is another one: its open alone was known by then."""
    one = HISTORIES[number]
    stop = int(np.searchsorted(one.dates, end, side="right"))
    names = ("open", "high", "low", "close", "volume")
    arrays = {name: getattr(one.bars, name)[:stop].copy() for name in names}
    arrays["close"][-1] *= 1.3 if number % 2 else 0.8
    arrays["high"][-1] = max(arrays["high"][-1], arrays["close"][-1])
    arrays["low"][-1] = min(arrays["low"][-1], arrays["close"][-1])
    return replace(one, dates=one.dates[:stop], bars=Bars(**arrays))


@pytest.mark.parametrize("sizing", SIZINGS)
def test_a_portfolio_cut_off_does_the_same_until_then(sizing: str):
    whole = simulate(SIZINGS[sizing])
    assert len(whole.outcome.fills) > 20
    days = whole.outcome.dates
    entries = build_trades(whole).filter(build_trades(whole)["reason"] == "entry")
    # On the days with the most entries, who comes first decides the most.
    busiest = entries["date"].value_counts().sort("count", "date", descending=True)["date"]
    for end in (days[len(days) // 2], *busiest.head(6).to_numpy()):
        cut = [_cut(number, end) for number in range(len(HISTORIES))]
        part = simulate(SIZINGS[sizing], cut, Window(WINDOW.start, end.astype(date)))
        count = len(part.outcome.dates) - 1
        np.testing.assert_allclose(
            part.outcome.curve[:count], whole.outcome.curve[:count], rtol=1e-9
        )
        trades = build_trades(part)
        expected = build_trades(whole)
        expected = expected.filter(expected["date"] <= part.outcome.dates[-1].astype(date))
        assert trades.select("date", "symbol", "reason").equals(
            expected.select("date", "symbol", "reason")
        )
        np.testing.assert_allclose(trades["size"], expected["size"], rtol=1e-9)


@pytest.mark.parametrize("sizing", SIZINGS)
def test_limits_hold_and_profit_is_attributed(sizing: str):
    portfolio = simulate(SIZINGS[sizing])
    assert portfolio.breaches == []
    outcome, found = portfolio.outcome, attribute_profit(portfolio)
    profit = outcome.curve[-1] - outcome.capital
    assert found["pnl"].sum() + outcome.accrued.sum() == pytest.approx(profit)
    assert found["fees"].sum() == pytest.approx(outcome.fills["fees"].sum())
    sides = sum_attribution(found, "side")
    assert sides["pnl"].sum() == pytest.approx(found["pnl"].sum())
    assert set(sides["side"]) == EXPECTED_SIDES.get(sizing, {"long"})
    assert set(sum_attribution(found, "sector")["sector"]) == {"even", "odd"}


def test_the_tables_are_those_of_the_account():
    portfolio = simulate(SIZINGS["monthly"] | {"benchmark": SYMBOLS[0]})
    outcome, equity = portfolio.outcome, build_equity(portfolio)
    assert equity["date"].to_numpy().tolist() == outcome.dates.tolist()
    weights = build_weights(portfolio)
    day = weights["date"][-1]
    held = weights.filter(weights["date"] == day)["weight"].sum()
    row = equity.filter(equity["date"] == day)
    assert held + (row["cash"] / row["equity"])[0] == pytest.approx(1.0)
    assert row["net"][0] == pytest.approx(held)
    first = HISTORIES[0]
    close = first.bars.close[np.searchsorted(first.dates, outcome.dates)]
    assert equity["benchmark"].to_numpy() == pytest.approx(100_000.0 * close / close[0])


def test_measures_are_defined_as_those_of_backtests():
    portfolio = simulate(SIZINGS["slots"], orders=4)
    found, outcome = measure_portfolio(portfolio), portfolio.outcome
    assert tuple(found) == MEASURES
    returns = np.diff(np.append(outcome.capital, outcome.curve)) / np.append(
        outcome.capital, outcome.curve[:-1]
    )
    assert found["sharpe_ratio"] == pytest.approx(returns.mean() / returns.std(ddof=1) * 252**0.5)
    assert found["total_return"] == pytest.approx(outcome.curve[-1] / 100_000.0 - 1.0)
    peak = np.maximum.accumulate(np.append(100_000.0, outcome.curve))
    assert found["max_drawdown"] == pytest.approx(
        (np.append(100_000.0, outcome.curve) / peak).min() - 1
    )
    assert found["most_positions"] == 3
    assert float(found["doubled_costs_return"] or 1) < float(found["total_return"] or 0)
    row = flatten_facts(describe_portfolio(portfolio) | {"pairs_sharpe_ratio": 0.5})
    assert set(NUMBERS) <= set(row)
    assert row["luck_return_low"] <= row["luck_return_median"] <= row["luck_return_high"]


def test_luck_of_priority_is_measured_where_entries_were_missed():
    capped = simulate(SIZINGS["slots"], orders=6)
    assert capped.luck is not None
    assert capped.luck.orders == 6
    assert capped.luck.return_low < capped.luck.return_high
    again = simulate(SIZINGS["slots"], orders=6)
    assert again.luck == capped.luck
    free = simulate({"slots": 12}, orders=6)
    assert free.outcome.counts.missed == 0
    assert free.luck is None


def test_the_part_of_the_universe_alone_is_traded():
    part = simulate({"symbols": SYMBOLS[3:5], "slots": 2})
    assert set(build_trades(part)["symbol"]) == set(SYMBOLS[3:5])


def test_two_strategies_share_what_is_wanted_of_a_symbol():
    both = simulate({"strategies": {"rsi": 1, "sma_cross": 3}, "slots": 12})
    one, other = (simulate({"strategies": name, "slots": 12}) for name in ("rsi", "sma_cross"))
    wanted = [
        0.25 * (weights.filter(weights["symbol"] == SYMBOLS[0])["weight"].len() > 0)
        for weights in (build_weights(one), build_weights(other))
    ]
    assert wanted == [0.25, 0.25]
    largest = build_weights(both)["weight"].to_numpy().max()
    assert 0.08 < largest < 0.12, "both want it: 1/12 of the equity, moved by prices"
    entries = build_trades(both).filter(build_trades(both)["reason"] == "entry")
    shares = entries["value"].to_numpy() / 100_000.0 * 12
    assert shares.min() < 0.5 < shares.max()


def test_a_stop_is_left_at_the_next_open():
    settings = BacktestSettings(stop_loss=0.02)
    stopped = build_trades(simulate({"slots": 12}, settings=settings))
    free = build_trades(simulate({"slots": 12}))
    assert stopped.height >= free.height
    assert not stopped.equals(free)
    symbol = stopped["symbol"][0]
    entry, leave = stopped.filter(stopped["symbol"] == symbol).head(2).iter_rows(named=True)
    assert (entry["reason"], leave["reason"]) == ("entry", "exit")


SPREAD = [{"model": "half_spread", "column": "half_spread"}]


def test_symbols_without_half_spreads_are_left_out():
    with_spread = [replace(one, half_spread=np.full(len(one.dates), 0.01)) for one in HISTORIES[:3]]
    some = [*with_spread, *HISTORIES[3:]]
    portfolio = simulate({"slots": 3, "costs": SPREAD}, some)
    trades = build_trades(portfolio)
    assert set(trades["symbol"]) == set(SYMBOLS[:3])
    np.testing.assert_allclose(
        portfolio.outcome.fills["price"] / portfolio.outcome.fills["market_price"],
        np.where(portfolio.outcome.fills["size"] > 0, 1.01, 0.99),
    )
    failures = _build(_define({"slots": 3, "costs": SPREAD}), some).failures
    assert {one.symbol for one in failures} == set(SYMBOLS[3:])


def test_a_portfolio_without_bars_is_refused():
    with pytest.raises(UnusableBarsError, match=rf"None of its symbols \({SYMBOLS[5]}\) has bars"):
        simulate({"symbols": [SYMBOLS[5]]}, HISTORIES[:3])
