"""Rounding decides no signal: ties are equal, and history before the lookback does not matter."""

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from strategies.base import Bars, Strategy
from strategies.indicators import bollinger_bands, sma
from strategies.registry import get_strategy, registered_strategies
from tests.bars import random_bars
from tests.strategies.exact import RULES, exact_signals, tick_bars

PARAMETERS = {
    "bollinger": {"period": 5, "std_dev": 1.5},
    "breakout": {"lookback": 5, "exit_lookback": 3},
    "mean_reversion": {"ma_period": 5},
    "momentum": {"lookback": 4},
    "sma_cross": {"fast_period": 3, "slow_period": 6},
    "volume_momentum": {"momentum_period": 4, "volume_period": 4},
}

# Few prices, so that averages tie; round ones, so that moves are thresholds exactly.
TICKS = st.lists(st.sampled_from([9_500, 9_800, 9_999, 10_000, 10_001, 10_200, 10_500]), min_size=2)
WALKS = st.lists(st.integers(-30, 30), min_size=2, max_size=80).map(
    lambda steps: [10_000 + sum(steps[: bar + 1]) for bar in range(len(steps))]
)
PENNIES = st.lists(st.integers(1, 4), min_size=2, max_size=80)
VOLUMES = st.sampled_from([0, 80, 100, 150, 1_000])


def _suspended(seed: int) -> list[int]:
    """Return a walk in ticks, then 60 sessions at one price, then a fall of a third."""
    steps = np.random.default_rng(seed).integers(-40, 41, 200).tolist()
    walk = [5_000 + sum(steps[: bar + 1]) for bar in range(len(steps))]
    last = walk[99]
    return [*walk[:100], *[last] * 60, *(one - last // 3 for one in walk[100:])]


def _assert_exact(strategy: Strategy, ticks: Sequence[int], volume: Sequence[int]) -> None:
    signals = strategy.signals(tick_bars(ticks, volume))
    entries, exits = exact_signals(strategy, ticks, volume)
    assert signals.entries.tolist() == entries
    assert signals.exits.tolist() == exits


@pytest.mark.parametrize("name", RULES)
@given(ticks=TICKS | WALKS | PENNIES, data=st.data())
@example(ticks=[10_000] * 30, data=None)
@settings(max_examples=150, deadline=None)
def test_signals_are_those_of_exact_arithmetic(name: str, ticks: list[int], data) -> None:
    volume = [100] * len(ticks) if data is None else [data.draw(VOLUMES) for _ in ticks]
    for parameters in ({}, PARAMETERS[name]):
        _assert_exact(get_strategy(name).from_mapping(parameters), ticks, volume)


@pytest.mark.parametrize("name", RULES)
@pytest.mark.parametrize("seed", range(5))
def test_a_suspension_gives_no_signal_of_its_own(name: str, seed: int) -> None:
    ticks = _suspended(seed)
    strategy = get_strategy(name)()
    _assert_exact(strategy, ticks, [1_000] * len(ticks))


# What learns counts its fits from the first bar.
FORGETTING = [one() for one in registered_strategies().values() if not one.learns]


@pytest.mark.parametrize("strategy", FORGETTING, ids=str)
@pytest.mark.parametrize("first", [1, 2, 17, 300])
def test_signals_do_not_depend_on_the_first_bar(strategy: Strategy, first: int) -> None:
    bars = random_bars(2_000, seed=11)
    whole, cut = strategy.signals(bars), strategy.signals(_from(bars, first))
    # Of the seed of the slowest average (26 bars) 1e-24 is left by then.
    warm = first + 800
    assert whole.entries[warm:].any() or whole.exits[warm:].any()
    assert (whole.entries[warm:] == cut.entries[warm - first :]).all()
    assert (whole.exits[warm:] == cut.exits[warm - first :]).all()


@pytest.mark.parametrize("period", [2, 3, 7, 20, 100])
def test_windows_give_the_same_bits_whatever_came_before(period: int) -> None:
    # A fund after reverse splits: early prices that a running sum would never forget.
    close = np.geomspace(1e9, 10.0, 600) * random_bars(600, seed=3).close
    tail = close[300:].copy()
    for whole, part in (
        (sma(close, period), sma(tail, period)),
        *zip(bollinger_bands(close, period, 2.0), bollinger_bands(tail, period, 2.0), strict=True),
    ):
        assert np.array_equal(whole[300 + period :], part[period:])


def _from(bars: Bars, first: int) -> Bars:
    names = ("open", "high", "low", "close", "volume")
    return Bars(*(getattr(bars, name)[first:].copy() for name in names))
