"""Positions of tomorrow equal what the engine does when the next bar comes."""

from collections.abc import Iterator
from dataclasses import asdict, replace
from datetime import timedelta
from typing import Any

import numpy as np
import pytest

from engine.backtest import VectorBTEngine
from engine.results import BacktestResult
from engine.settings import BacktestSettings, Window
from research.forward.next_actions import ACTIONS
from research.forward.next_positions import NextPosition, find_next_positions
from strategies.base import Bars, Strategy
from strategies.registry import registered_strategies
from tests.bars import build_bars, history, random_bars
from tests.engine.cases import FREE, day
from tests.engine.planned import Planned
from tests.research.refusing import Refusing

BARS, FIRST = 120, 20
STRATEGIES = [one() for one in registered_strategies().values()]
WITH_STOPS = BacktestSettings(stop_loss=0.03, trailing_stop=0.04, take_profit=0.08)
VOLUMES = {
    "full": np.ones(BARS),
    "suspended": np.arange(BARS) % 7 > 2,
    "late": np.arange(BARS) > BARS // 2,
}


def _predict(bars: Bars, last: int, settings: BacktestSettings, *strategies: Strategy) -> Any:
    """Return what follows from the bars up to the last of a window, whatever comes after it."""
    given, window = [history(bars)], Window(day(FIRST), day(last))
    found, failures = find_next_positions(given, strategies or STRATEGIES, window, settings)
    assert not failures
    return found


def _can_fill(bars: Bars, bar: int, settings: BacktestSettings) -> bool:
    volume = bars.volume
    return not settings.require_volume or volume[bar] > 0 or not volume[:bar].any()


def _decides_itself(bars: Bars, bar: int, result: BacktestResult) -> bool:
    """Return whether what a bar says decides what is done at its close."""
    signals = result.strategy.signals(bars)
    stopped = result.trades["exit_reason"] > 1
    at = FIRST + result.trades["exit_idx"]
    return bool(signals.entries[bar] != signals.exits[bar] or (stopped & (at == bar)).any())


def _take(result: BacktestResult, bar: int, fills: bool) -> tuple[int, int, Any]:
    """Return the side held before a bar, the one after its signals, and the trade that holds it."""
    held = next_side = 0
    position = None
    for trade in result.trades:
        entered, left = FIRST + trade["entry_idx"], FIRST + trade["exit_idx"]
        side = -1 if trade["direction"] else 1
        if entered < bar and (not trade["status"] or left >= bar):
            held, position = side, trade
            leaves = trade["status"] and left == bar and trade["exit_reason"] == 1
            next_side = 0 if leaves and fills else side
    for trade in result.trades:
        if FIRST + trade["entry_idx"] == bar and fills:
            next_side = -1 if trade["direction"] else 1
    return held, next_side, position


def _assert_level(one: NextPosition, trade: Any, bar: int, bars: Bars, slippage: float) -> bool:
    """Assert that a level reached within a bar is the one that was known before it."""
    if trade is None or not trade["status"] or FIRST + trade["exit_idx"] != bar:
        return False
    level = one.target_price if trade["exit_reason"] == 4 else one.stop_price
    market = trade["exit_price"] / (1.0 - one.held * slippage)
    if trade["exit_reason"] < 2 or np.isclose(market, bars.open[bar], rtol=1e-12):
        return False
    assert level == pytest.approx(market, rel=1e-12)
    return True


@pytest.mark.parametrize("volume", VOLUMES)
@pytest.mark.parametrize("execution", ["next_open", "same_close"])
@pytest.mark.parametrize("settings", [BacktestSettings(), WITH_STOPS], ids=["free", "stops"])
def test_a_prediction_is_what_the_next_bar_does(
    settings: BacktestSettings, execution: Any, volume: str
):
    bars = random_bars(BARS, seed=3)
    bars = replace(bars, volume=bars.volume * VOLUMES[volume])
    seen, levels, waited = set(), 0, 0
    for direction in ("long", "short", "both"):
        chosen = replace(settings, execution=execution, direction=direction)
        window = Window(day(FIRST), day(BARS - 1))
        later = VectorBTEngine(chosen).run_batch([history(bars)], STRATEGIES, window).results
        for bar in range(FIRST + 1, BARS):
            fills = _can_fill(bars, bar, chosen)
            for one, result in zip(_predict(bars, bar - 1, chosen), later, strict=True):
                held, next_side, trade = _take(result, bar, fills)
                assert (one.bar, one.stale, one.held) == (day(bar - 1), False, held)
                if trade is not None:
                    assert (one.shares, one.entry_price) == (trade["size"], trade["entry_price"])
                    assert one.entry_date == day(FIRST + int(trade["entry_idx"]))
                    levels += _assert_level(one, trade, bar, bars, chosen.slippage)
                at_close = execution == "same_close"
                if fills and not (at_close and _decides_itself(bars, bar, result)):
                    assert (one.next_side, one.action) == (next_side, ACTIONS[held, next_side])
                    seen.add(one.action)
                    waited += one.waits
    if execution == "next_open":
        assert seen == set(ACTIONS.values())
    assert (waited > 0) == (volume == "suspended")
    assert levels > 20 if settings.has_stops else levels == 0


def test_positions_by_hand():
    rising = np.array([100.0, 102.0, 104.0, 103.0, 105.0])
    bars = Bars(rising, rising + 2.0, rising - 2.0, rising + 1.0, np.ones(5))
    given, window = history(bars, "ONE"), Window(day(0), day(4))
    settings = replace(FREE, stop_loss=0.1, trailing_stop=0.05, take_profit=0.5)
    (one,), _ = find_next_positions([given], [Planned([0], [4])], window, settings)
    assert asdict(one) == {
        "strategy": "planned",
        "symbol": "ONE",
        "bar": day(4),
        "stale": False,
        "held": 1,
        "shares": 10_000.0 / 102.0,
        "entry_date": day(1),
        "entry_price": 102.0,
        "next_side": 0,
        "action": "sell",
        "fills_at": "open",
        "waits": False,
        "stop_price": pytest.approx(107.0 * 0.95),
        "target_price": pytest.approx(153.0),
    }


def test_an_order_that_waits_for_volume_says_so():
    flat = np.full(6, 100.0)
    bars = Bars(flat, flat, flat, flat, np.array([1.0, 1.0, 0.0, 0.0, 1.0, 1.0]))
    given, plan = history(bars), Planned([1], [])
    found = [
        find_next_positions([given], [plan], Window(day(0), day(last)), FREE)[0][0]
        for last in range(5)
    ]
    assert [one.action for one in found] == ["stay out", "buy", "buy", "buy", "hold"]
    assert [one.waits for one in found] == [False, False, True, True, False]
    assert found[4].entry_date == day(4)


def test_a_symbol_without_bars_for_long_is_stale():
    ended = history(random_bars(60))
    window = Window(day(FIRST), day(59) + timedelta(days=8))
    found, _ = find_next_positions([ended], STRATEGIES, window, BacktestSettings())
    assert {(one.bar, one.stale) for one in found} == {(day(59), True)}


def test_what_the_volume_has_not_filled_yet_is_left():
    """Stopped out of 100 shares on bar 3, of which a tenth of 400 is filled on each bar."""
    prices = [100.0, 100.0, 100.0, 80.0, 80.0, 80.0, 80.0]
    bars = build_bars(prices, prices)
    bars = replace(bars, volume=np.array([1e4, 1e4, 1e4, 400.0, 400.0, 400.0, 400.0]))
    costs = [{"model": "square_root_impact", "coefficient": 0.0, "volume_share": 0.1}]
    settings = BacktestSettings(costs=costs, stop_loss=0.1)
    expected = {
        2: (1, 100.0, 1, 90.0),
        3: (1, 60.0, 0, None),
        4: (1, 20.0, 0, None),
        5: (0, 0.0, 0, None),
    }
    for last, found in expected.items():
        window = Window(day(0), day(last))
        ((one,), _) = find_next_positions([history(bars)], [Planned([0], [])], window, settings)
        assert (one.held, one.shares, one.next_side, one.stop_price) == found, last


def test_what_fails_is_named_and_the_rest_is_found():
    bad = replace(random_bars(60), close=np.full(60, np.nan))
    given = [history(random_bars(60), "GOOD"), history(bad, "BAD"), history(bad, "NONE")]
    early = replace(given[2], dates=given[2].dates - 1000)
    window = Window(day(FIRST), day(59))
    some = [Refusing(60), STRATEGIES[0]]
    found, failures = find_next_positions([*given[:2], early], some, window, BacktestSettings())
    assert [(one.symbol, one.strategy) for one in found] == [("GOOD", STRATEGIES[0].name)]
    named = [(one.symbol, one.strategy, one.error_class) for one in failures]
    assert named == [
        ("GOOD", Refusing.name, "ValueError"),
        ("BAD", None, "UnusableBarsError"),
        ("NONE", None, "UnusableBarsError"),
    ]


def test_a_prediction_depends_on_no_later_bar():
    bars = random_bars(BARS, seed=8)
    cut = Bars(*(getattr(bars, name)[:100] for name in bars.__dataclass_fields__))

    def rows(given: Bars) -> Iterator[dict[str, Any]]:
        yield from map(asdict, _predict(given, 99, WITH_STOPS))

    assert list(rows(bars)) == list(rows(cut))
