"""Positions at random places: every place by hand, and what foresight is worth."""

import numpy as np
import pytest

from engine.costs import PercentageCosts
from engine.settings import BacktestSettings
from research.calibration.markets import SimulatedMarket, find_window
from research.robustness.random_entries import SymbolPositions, compare_with_random_entries
from research.robustness.simulation import simulate_universe
from strategies.ema_cross import EmaCross
from strategies.mean_reversion import MeanReversion

COSTS = PercentageCosts(0.002, 0.001)
ROUND_TRIP = np.log(0.999 * 0.998 / (1.001 * 1.002))


def _symbol(price, entry, exit_, side=None):
    side = [1] * len(entry) if side is None else side
    return SymbolPositions(*(np.array(one) for one in (price, entry, exit_, side)))


def _at_place(one: SymbolPositions, shift: int) -> float:
    bars = len(one.price) - 1
    held = np.zeros(bars)
    for entry, exit_, side in zip(one.entry, one.exit, one.side, strict=True):
        held[(np.arange(entry, exit_) + shift) % bars] += side
    return float(held @ np.diff(np.log(one.price)))


def test_every_place_but_earlier_ones_has_the_same_costs():
    rng = np.random.default_rng(1)
    prices = np.exp(rng.normal(0, 0.05, (2, 41)).cumsum(axis=1))
    first = _symbol(prices[0], [2, 20], [9, 31])
    second = _symbol(prices[1], [5], [12], [-1])
    result = compare_with_random_entries([first, second], COSTS, 10_000.0)
    # A short's size is what its capital would buy at the price that it sold for.
    size = 1 / (0.999 * 1.002)
    sold = np.log1p(size * (0.999 - 1.001 - 0.002 * (0.999 + 1.001)))
    # Not those 1 to 6 bars earlier, a sixth of the window.
    places = np.array([(_at_place(first, k) + _at_place(second, k)) / 2 for k in range(34)])
    costs = result.log_return - places[0]
    assert costs == pytest.approx((2 * ROUND_TRIP + sold) / 2)
    assert result.expected == pytest.approx(places[1:].mean() + costs)
    assert result.p_value == (places >= places[0] - 1e-12).mean()
    assert (result.positions, result.places) == (3, 34)


def test_log_return_is_that_of_the_account():
    symbol = _symbol([100.0, 110.0, 121.0, 100.0, 105.0, 120.0], [0, 3], [2, 5])
    result = compare_with_random_entries([symbol], COSTS, 10_000.0)
    # The second position is open: it is worth the last close, and its sale costs nothing yet.
    bought = np.log(1 / (1.001 * 1.002))
    assert result.log_return == pytest.approx(np.log(1.21) + ROUND_TRIP + np.log(1.2) + bought)
    assert result.p_value == 1 / 5


def test_symbols_with_fewer_bars_move_by_their_share():
    rng = np.random.default_rng(2)
    long, short = (np.exp(rng.normal(0, 0.05, bars + 1).cumsum()) for bars in (40, 20))
    both = [_symbol(long, [4], [11]), _symbol(short, [3], [6])]
    result = compare_with_random_entries(both, PercentageCosts(0.0, 0.0), 10_000.0)
    places = [(_at_place(both[0], k) + _at_place(both[1], round(k / 2))) / 2 for k in range(34)]
    assert result.expected == pytest.approx(np.mean(places[1:]))


def test_nothing_traded_has_no_p_value():
    for symbols in ([], [_symbol([1.0, 2.0, 3.0], np.empty(0, int), np.empty(0, int), [])]):
        result = compare_with_random_entries(symbols, COSTS, 10_000.0)
        assert np.isnan(result.p_value)
        assert (result.positions, result.log_return) == (0, 0.0)


def test_noise_is_found_better_than_chance_in_5_percent():
    """Of 200 universes at 5 %, 99.8 % have 2 to 20: with the places before, trends have none."""
    strategies, settings = [EmaCross(), MeanReversion()], BacktestSettings()
    found = []
    for seed in range(200):
        histories = SimulatedMarket(symbols=3).draw(seed)
        universe = simulate_universe(
            histories, strategies, settings, find_window(), keep_trades=True
        )
        tests = [
            compare_with_random_entries(one, settings.cost_model, settings.initial_capital)
            for one in universe.positions
        ]
        found.append([one.p_value <= 0.05 for one in tests])
    followed, reverted = np.sum(found, axis=0)
    assert 2 <= followed <= 20
    assert 2 <= reverted <= 20
