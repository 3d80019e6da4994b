"""Later bars never change an earlier fill or equity value, with any cost model."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.backtest import VectorBTEngine
from engine.block_accounts import BlockAccounts
from engine.costs import MODELS
from engine.fill_bars import FillBars
from engine.results import BacktestResult
from engine.settings import BacktestSettings, Window
from strategies.base import Bars
from strategies.sma_cross import SmaCross
from tests.bars import history, random_bars
from tests.engine.cases import day
from tests.strategies.examples import examples
from tests.strategies.look_ahead import CHANGES, changed_from

BARS = 150
CASES: dict[str, list[dict[str, Any]]] = {
    "percentage": [{"model": "percentage", "rate": 0.001}],
    "per_share": [{"model": "per_share", "rate": 0.005, "minimum": 1.0, "maximum": 0.01}],
    "per_order": [{"model": "per_order", "amount": 2.0}],
    "half_spread": [{"model": "half_spread", "column": "half_spread"}],
    "slippage": [{"model": "slippage", "fraction": 0.001}],
    # The cap is a few shares on most bars: entries are cut, and exits take several bars.
    "square_root_impact": [{"model": "square_root_impact", "volume_share": 0.0001}],
    "borrow": [{"model": "borrow", "rate": 0.1}],
    "cash_interest": [{"model": "cash_interest", "rates": {"2021-01-01": 0.1, "2021-03-01": 0.0}}],
    "lots": [{"model": "lots", "size": 3.0}],
}
CASES["all"] = [part for parts in CASES.values() for part in parts]
OF_ENTRY = ["entry_idx", "entry_price", "entry_fees", "size", "direction"]


def _run(bars: Bars, settings: BacktestSettings, spread: np.ndarray) -> BacktestResult:
    given_ = replace(history(bars), half_spread=spread)
    window = Window(day(0), day(len(bars) - 1))
    strategy = SmaCross(fast_period=2, slow_period=5)
    outcome = VectorBTEngine(settings).run_batch([given_], strategy, window)
    assert not outcome.failures
    return outcome.results[0]


def _assert_same_past(seed: int, start: int, change: str, settings: BacktestSettings) -> None:
    bars, spread = random_bars(BARS, seed), np.full(BARS, 0.001)
    later = np.where(np.arange(BARS) < start, spread, 0.3)
    whole = _run(bars, settings, spread)
    other = _run(changed_from(bars, start, change), settings, later)
    np.testing.assert_array_equal(other.equity[:start], whole.equity[:start])
    closed = list(whole.trades.dtype.names or ())
    for field, names in (("entry_idx", OF_ENTRY), ("exit_idx", closed)):
        one, two = (result.trades[result.trades[field] < start] for result in (whole, other))
        np.testing.assert_array_equal(one[names], two[names])


def test_every_model_is_tested():
    assert set(CASES) == {*MODELS, "all"}


@pytest.mark.parametrize("name", CASES)
@given(
    seed=st.integers(0, 1000),
    start=st.integers(10, BARS - 1),
    change=st.sampled_from(sorted(CHANGES)),
    direction=st.sampled_from(["long", "short", "both"]),
    execution=st.sampled_from(["next_open", "same_close"]),
    stop=st.sampled_from([None, 0.03]),
)
@examples(15)
def test_later_bars_never_change_an_earlier_fill(
    name: str, seed: int, start: int, change: str, direction: Any, execution: Any, stop: Any
):
    settings = BacktestSettings(
        direction=direction, execution=execution, trailing_stop=stop, costs=CASES[name]
    )
    _assert_same_past(seed, start, change, settings)


@pytest.mark.parametrize("name", CASES)
@given(seed=st.integers(0, 1000), bar=st.integers(10, BARS - 1))
@examples(15)
def test_prices_after_an_open_never_change_its_fill(name: str, seed: int, bar: int):
    bars, spread = random_bars(BARS, seed), np.full(BARS, 0.001)
    other = changed_from(bars, bar, "spike")
    other.open[bar], other.volume[bar] = bars.open[bar], bars.volume[bar]
    settings = BacktestSettings(costs=CASES[name], direction="both")
    whole, changed = (_run(given_, settings, spread) for given_ in (bars, other))
    entered = [one.trades[one.trades["entry_idx"] <= bar][OF_ENTRY] for one in (whole, changed)]
    np.testing.assert_array_equal(entered[0], entered[1])


@pytest.mark.parametrize("name", ["square_root_impact", "all"])
@given(seed=st.integers(0, 1000))
@examples(15)
def test_volume_changes_no_size_that_is_below_the_cap(name: str, seed: int):
    """The volume of a bar is known at its close: it decides the price, and what the cap cuts."""
    costs = [one | ({"volume_share": 0.1} if one["model"] == "square_root_impact" else {})
             for one in CASES[name]]  # fmt: skip
    bars, spread = random_bars(BARS, seed), np.full(BARS, 0.001)
    ample = replace(bars, volume=bars.volume * 1_000.0)
    one, other = (_run(given_, BacktestSettings(costs=costs), spread) for given_ in (bars, ample))
    assert one.metrics["unfilled_orders"] == other.metrics["unfilled_orders"] == 0
    first = (one.trades[0], other.trades[0])
    assert first[0]["size"] == first[1]["size"]
    assert first[0]["entry_price"] > first[1]["entry_price"]


def _detects(costs: list[dict[str, Any]], direction: Any) -> bool:
    settings = BacktestSettings(costs=costs, direction=direction)
    for start in range(10, BARS, 7):
        for change in CHANGES:
            try:
                _assert_same_past(1, start, change, settings)
            except AssertionError:
                return True
    return False


def test_volatility_of_later_bars_is_detected(monkeypatch: pytest.MonkeyPatch):
    own = FillBars.of

    def with_later_bars(histories: Any) -> FillBars:
        bars = own(histories)
        return replace(bars, volatility=np.roll(bars.volatility, -2, axis=1))

    monkeypatch.setattr(FillBars, "of", with_later_bars)
    assert _detects(CASES["square_root_impact"], "long")


def test_borrow_fees_of_a_later_close_are_detected(monkeypatch: pytest.MonkeyPatch):
    begin = BlockAccounts.begin_bar

    def with_later_closes(self: BlockAccounts, bar: int) -> None:
        close, self.close = self.close, np.roll(self.close, -2, axis=1)
        begin(self, bar)
        self.close = close

    monkeypatch.setattr(BlockAccounts, "begin_bar", with_later_closes)
    assert _detects(CASES["borrow"], "short")
