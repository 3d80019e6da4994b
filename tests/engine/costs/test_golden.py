"""Each cost model in one backtest whose numbers were computed by hand."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from engine.history import History
from engine.results import BacktestResult
from engine.settings import BacktestSettings
from research.audit.integrity import count_dropped_signals, measure_imbalance
from strategies.base import Bars
from tests.bars import build_bars, history
from tests.engine.cases import run

FLAT = [100.0] * 4
RISING = [100.0, 100.0, 100.0, 110.0]
"""Bought at the open of bar 1 for 100, sold at that of bar 3 for 110."""


def _run(
    bars: Bars | History,
    costs: list[dict[str, Any]],
    entries: list[int],
    exits: list[int],
    **settings: Any,
) -> BacktestResult:
    given = BacktestSettings(initial_capital=10_000.0, costs=costs, **settings)
    result = run(bars, entries, exits, given)
    known = bars if isinstance(bars, History) else history(bars)
    assert measure_imbalance(result) == 0.0
    assert count_dropped_signals(result, known) == 0
    assert result.equity[-1] == pytest.approx(result.metrics["final_value"])
    return result


def _round_trip(*costs: dict[str, Any], **settings: Any) -> Any:
    result = _run(build_bars(RISING, RISING), list(costs), [0], [2], **settings)
    (trade,) = result.trades
    return trade, result


def test_a_percentage_of_the_value():
    trade, result = _round_trip({"model": "percentage", "rate": 0.01})
    # 10,000 pay for shares at 100 and 1 % of them: 10,000 / 101.
    assert trade["size"] == pytest.approx(99.00990099)
    assert trade["entry_fees"] == pytest.approx(99.00990099)
    assert trade["exit_fees"] == pytest.approx(108.9108911)
    # 990.0990099 earned, less the fees of 207.9207921.
    assert trade["pnl"] == pytest.approx(782.1782178)
    assert result.equity[-1] == pytest.approx(10_782.1782178)


def test_a_fee_per_share_between_its_minimum_and_maximum():
    costs = {"model": "per_share", "rate": 0.5, "minimum": 10.0, "maximum": 0.02}
    trade, _ = _round_trip(costs)
    # 10,000 / 100.5 shares at 0.5 each: more than 10, less than 2 % of the value.
    assert trade["size"] == pytest.approx(99.50248756)
    assert trade["entry_fees"] == pytest.approx(49.75124378)
    assert trade["exit_fees"] == pytest.approx(49.75124378)


def test_a_fee_per_share_is_at_least_the_minimum():
    trade, _ = _round_trip({"model": "per_share", "rate": 0.005, "minimum": 1.0, "maximum": 0.01})
    # 99.99 shares would be 0.49995.
    assert trade["size"] == pytest.approx(99.99)
    assert (trade["entry_fees"], trade["exit_fees"]) == (1.0, 1.0)


def test_a_fee_per_share_is_at_most_the_maximum():
    trade, _ = _round_trip({"model": "per_share", "rate": 5.0, "minimum": 1.0, "maximum": 0.01})
    # 5 per share would be 5 % of the value: 1 % is charged.
    assert trade["size"] == pytest.approx(99.00990099)
    assert trade["entry_fees"] == pytest.approx(99.00990099)
    assert trade["exit_fees"] == pytest.approx(108.9108911)


def test_the_maximum_of_a_small_order_comes_before_the_minimum():
    costs = [{"model": "per_share", "rate": 0.005, "minimum": 500.0, "maximum": 0.01}]
    bars = build_bars(RISING, RISING)
    result = run(bars, [0], [2], BacktestSettings(initial_capital=101.0, costs=costs))
    (trade,) = result.trades
    assert (trade["size"], trade["entry_fees"]) == (pytest.approx(1.0), pytest.approx(1.0))


def test_the_same_fee_per_order():
    trade, result = _round_trip({"model": "per_order", "amount": 20.0})
    assert trade["size"] == pytest.approx(99.8)
    # 99.8 * 10 - 40.
    assert trade["pnl"] == pytest.approx(958.0)
    assert result.metrics["total_fees"] == pytest.approx(40.0)


def test_a_fee_that_the_cash_cannot_pay_opens_nothing():
    result = _run(
        build_bars(RISING, RISING), [{"model": "per_order", "amount": 10_000.0}], [0], [2]
    )
    assert len(result.trades) == 0
    assert result.metrics["unfilled_orders"] == 1
    assert result.equity.tolist() == [10_000.0] * 4


def test_a_half_spread_in_basis_points():
    trade, result = _round_trip({"model": "half_spread", "basis_points": 50.0})
    # 0.5 % each way: bought at 100.5, sold at 109.45.
    assert (trade["entry_price"], trade["exit_price"]) == pytest.approx((100.5, 109.45))
    assert trade["size"] == pytest.approx(10_000 / 100.5)
    assert result.metrics["total_slippage"] == pytest.approx(10_000 / 100.5 * (0.5 + 0.55))


def test_a_half_spread_of_the_data():
    bars = replace(
        history(build_bars(RISING, RISING)), half_spread=np.array([0.4, 0.01, 0.4, 0.02])
    )
    (trade,) = _run(bars, [{"model": "half_spread", "column": "half_spread"}], [0], [2]).trades
    assert (trade["entry_price"], trade["exit_price"]) == (101.0, pytest.approx(107.8))


def test_slippage_and_spread_add_up():
    trade, _ = _round_trip(
        {"model": "slippage", "fraction": 0.02}, {"model": "half_spread", "basis_points": 100.0}
    )
    assert (trade["entry_price"], trade["exit_price"]) == (103.0, pytest.approx(106.7))


def _moving(volume: list[float]) -> Bars:
    """Return closes of 100, 102, 100, 102 ... up to bar 5, and a fall on the bar of the fill."""
    closes = [100.0, 102.0, 100.0, 102.0, 100.0, 102.0, 90.0, 100.0, 100.0]
    bars = build_bars([100.0] * 9, closes)
    return replace(bars, volume=np.array(volume))


def test_impact_is_volatility_times_root_of_the_volume_share():
    bars = _moving([1e4] * 9)
    costs = [{"model": "square_root_impact", "coefficient": 2.0, "volume_share": 0.25}]
    (trade,) = _run(bars, costs, [5], [7]).trades
    # Returns before bar 6: 2, -1.960784, 2, -1.960784 and 2 %; their deviation is 2.169411 %.
    volatility = np.std([0.02, 100 / 102 - 1, 0.02, 100 / 102 - 1, 0.02], ddof=1)
    assert volatility == pytest.approx(0.02169411, rel=1e-6)
    # All cash at the most impact that the cap allows: 2 * 2.169411 % * sqrt(0.25) = 2.169411 %.
    size = 10_000 / (100 * 1.02169411)
    assert trade["size"] == pytest.approx(size, rel=1e-6)
    # It takes less than 1 % of the volume: 2 * 2.169411 % * sqrt(97.8767 / 10,000).
    assert trade["entry_price"] == pytest.approx(
        100 * (1 + 2 * 0.02169411 * (size / 1e4) ** 0.5), rel=1e-6
    )
    assert trade["entry_price"] == pytest.approx(100.429251, rel=1e-6)


def test_an_entry_beyond_the_cap_is_cancelled_and_counted():
    costs = [{"model": "square_root_impact", "coefficient": 0.0, "volume_share": 0.1}]
    bars = replace(build_bars(RISING, RISING), volume=np.full(4, 300.0))
    result = _run(bars, costs, [0, 1], [2])
    (trade,) = result.trades
    # 100 shares are paid for, a tenth of 300 is filled, and nothing is added on the next bar.
    assert trade["size"] == 30.0
    assert result.metrics["unfilled_orders"] == 1
    assert result.equity.tolist() == [10_000.0, 10_000.0, 10_000.0, 10_300.0]


def test_an_exit_beyond_the_cap_is_left_on_the_bars_that_follow():
    prices = [100.0, 100.0, 100.0, 110.0, 120.0, 130.0, 90.0, 90.0]
    bars = replace(
        build_bars(prices, prices), volume=np.array([1e4, 1e4, 1e4, 400.0, 400.0, 400.0, 1e4, 1e4])
    )
    costs = [
        {"model": "square_root_impact", "coefficient": 0.0, "volume_share": 0.1},
        {"model": "per_order", "amount": 10.0},
    ]
    result = _run(bars, costs, [0, 3, 5], [2])
    # 99.9 shares: 40 at 110, 40 at 120 and the rest at 130; an entry in between is dropped.
    first, second = result.trades
    assert first["size"] == pytest.approx(99.9)
    mean = (40 * 110 + 40 * 120 + 19.9 * 130) / 99.9
    assert first["exit_price"] == pytest.approx(mean)
    assert (first["entry_idx"], first["exit_idx"]) == (1, 5)
    assert first["exit_fees"] == 30.0
    assert first["pnl"] == pytest.approx(99.9 * (mean - 100) - 40)
    # Two bars left a rest, and the entry of bar 4 was dropped; that of bar 6 is filled.
    assert result.metrics["unfilled_orders"] == 3
    assert second["entry_idx"] == 6
    assert result.equity[4] == pytest.approx(40 * 110 + 40 * 120 - 20 + 19.9 * 120)


def test_what_is_not_left_by_the_end_is_marked_at_the_last_close():
    prices = [100.0, 100.0, 100.0, 110.0, 120.0]
    bars = replace(build_bars(prices, prices), volume=np.array([1e4, 1e4, 1e4, 400.0, 0.0]))
    costs = [{"model": "square_root_impact", "coefficient": 0.0, "volume_share": 0.1}]
    result = _run(bars, costs, [0], [2], require_volume=False)
    (trade,) = result.trades
    assert (trade["status"], trade["exit_idx"]) == (0, 4)
    assert trade["exit_price"] == pytest.approx((40 * 110 + 60 * 120) / 100)
    assert trade["pnl"] == pytest.approx(40 * 10 + 60 * 20)


def test_borrowed_shares_cost_by_calendar_days():
    result = _run(
        build_bars(FLAT, FLAT),
        [{"model": "borrow", "rate": 0.365}],
        [3],
        [0],
        direction="short",
    )
    # Short 10,000 at the open of bar 1; 0.1 % a day of their value, before the fills of bars 2, 3.
    assert result.equity.tolist() == pytest.approx([10_000.0, 10_000.0, 9_990.0, 9_980.0])
    assert result.metrics["total_borrow_fees"] == pytest.approx(20.0)
    assert result.trades["pnl"].tolist() == [0.0]


def test_cash_earns_interest_over_weekends_and_securities_do_not():
    days = np.array(["2021-01-07", "2021-01-08", "2021-01-11", "2021-01-12"], "datetime64[D]")
    bars = replace(history(build_bars(FLAT, FLAT)), dates=days)
    costs = [{"model": "cash_interest", "rate": 0.0365}]
    window = {"first": 0, "last": 8}
    result = run(bars, [1], [], BacktestSettings(costs=costs), **window)
    # 0.01 % of 10,000 for one day, then for three; from bar 2 on it is all in shares.
    expected = [10_000.0, 10_001.0, 10_001.0 * 1.0003, 10_001.0 * 1.0003]
    assert result.equity.tolist() == pytest.approx(expected)
    assert result.metrics["total_interest"] == pytest.approx(1.0 + 3.0003)


def test_a_short_earns_interest_on_its_own_cash_only():
    costs = [{"model": "cash_interest", "rate": 0.0365}]
    result = _run(build_bars(FLAT, FLAT), costs, [], [0], direction="short")
    # Interest of the first night is sold short as well; the proceeds earn nothing.
    assert result.equity[1] == pytest.approx(10_001.0)
    assert result.equity[2] - result.equity[1] == pytest.approx(1.0001)


def test_rates_count_from_their_days_on():
    costs = [
        {"model": "cash_interest", "rates": {"2020-12-31": 0.0, "2021-01-05": 0.0365}},
    ]
    result = _run(build_bars(FLAT, FLAT), costs, [], [])
    # In force at the close of the 5th, which is bar 1: the first interest is on bar 2.
    assert result.equity.tolist() == pytest.approx([10_000.0, 10_000.0, 10_001.0, 10_002.0001])


def test_interest_is_the_risk_free_rate_of_the_ratios():
    costs = [{"model": "cash_interest", "rate": 0.0365}]
    result = _run(build_bars(RISING, RISING), costs, [0], [])
    returns = np.array([0.0, 0.0001, 0.0, 0.1])
    excess = returns - [0.0, 0.0001, 0.0001, 0.0001]
    year = np.sqrt(252.0)
    assert result.metrics["sharpe_ratio"] == pytest.approx(
        excess.mean() / excess.std(ddof=1) * year
    )
    short = np.sqrt((np.minimum(excess, 0) ** 2).mean())
    assert result.metrics["sortino_ratio"] == pytest.approx(excess.mean() / short * year)
    # Volatility is that of the returns themselves.
    assert result.metrics["annualized_volatility"] == pytest.approx(returns.std(ddof=1) * year)
    benchmark = np.array([0.0, 0.0, 0.0, 0.1])
    beta = np.cov(returns, benchmark, ddof=0)[0, 1] / benchmark.var()
    free = np.array([0.0, 0.0001, 0.0001, 0.0001])
    beyond = (returns - free - beta * (benchmark - free)).mean()
    assert result.metrics["alpha"] == pytest.approx((1 + beyond) ** 252 - 1)


@pytest.mark.parametrize(("lot", "size"), [(1.0, 97.0), (10.0, 90.0), (0.01, 97.08)])
def test_lots_leave_cash_over(lot: float, size: float):
    prices = [103.0, 103.0, 103.0, 113.0]
    result = _run(build_bars(prices, prices), [{"model": "lots", "size": lot}], [0], [2])
    (trade,) = result.trades
    assert trade["size"] == pytest.approx(size)
    # 10,000 / 103 = 97.087 shares are paid for; what is left stays in the account.
    assert result.equity.tolist() == pytest.approx([10_000.0] * 3 + [10_000.0 + 10.0 * size])


def test_a_lot_that_the_cash_does_not_pay_for_is_counted():
    result = _run(build_bars(RISING, RISING), [{"model": "lots", "size": 101.0}], [0], [2])
    assert len(result.trades) == 0
    assert result.metrics["unfilled_orders"] == 1


def test_a_broker_as_a_whole():
    costs = [
        {"model": "lots"},
        {"model": "per_share", "rate": 0.005, "minimum": 1.0, "maximum": 0.01},
        {"model": "half_spread", "basis_points": 10.0},
        {"model": "cash_interest", "rate": 0.0365},
    ]
    (trade,) = (result := _run(build_bars(RISING, RISING), costs, [0], [2])).trades
    # 10,001 after a night of interest; 99 shares at 100.1 and a fee of 1: 90.1 are left over.
    assert (trade["size"], trade["entry_price"]) == (99.0, pytest.approx(100.1))
    assert trade["exit_price"] == pytest.approx(109.89)
    assert trade["pnl"] == pytest.approx(99 * (109.89 - 100.1) - 2.0)
    left = 10_001 - 99 * 100.1 - 1
    assert result.equity[1] == pytest.approx(left + 9_900.0)
    assert result.metrics["total_interest"] == pytest.approx(1.0 + left * (1.0001**2 - 1))
