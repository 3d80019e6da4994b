"""On random bars and signals the engine agrees with vectorbt's own Portfolio, to 1e-9."""

import numpy as np
import pytest
from hypothesis import Phase, assume, given
from hypothesis import strategies as st

from engine.backtest import VectorBTEngine
from engine.settings import Window
from tests.bars import history
from tests.engine.cases import day
from tests.engine.drawn import bars_in_steps, steps
from tests.engine.oracle import (
    assert_agrees,
    portfolio_from_signals,
    rests_on_rounding,
    settings_of,
)
from tests.engine.planned import Planned
from tests.strategies.examples import examples

# One signal per bar: none, entry, exit, or both, which cancel out.
BARS = st.lists(st.tuples(steps(3), st.integers(0, 3)), min_size=1, max_size=40)


@pytest.mark.parametrize("execution", ["next_open", "same_close"])
@pytest.mark.parametrize("direction", ["long", "short", "both"])
@given(drawn=BARS, costs=st.sampled_from([(0.001, 0.001), (0.0, 0.0), (0.01, 0.002)]))
# Without shrinking: each Portfolio of vectorbt takes 70 ms, and examples are small.
@examples(15, phases=[Phase.explicit, Phase.reuse, Phase.generate])
def test_random_bars_and_signals_agree_with_vectorbt(
    direction: str, execution: str, drawn: list, costs: tuple[float, float]
):
    bars = history(bars_in_steps([bar for bar, _ in drawn]))
    signal = np.array([number for _, number in drawn])
    strategy = Planned(np.flatnonzero(signal & 1).tolist(), np.flatnonzero(signal & 2).tolist())
    settings = settings_of(direction, execution, fees=costs[0], slippage=costs[1])
    window = Window(day(0), day(len(drawn) - 1))
    (result,) = VectorBTEngine(settings).run_batch([bars], strategy, window).results
    # vectorbt covers a short that loses nearly everything only as far as the cash lasts.
    assume(result.equity.min() > 500 and not (result.trades["return"] < -0.9).any())
    portfolio = portfolio_from_signals(bars, strategy.signals(bars.bars), settings)
    assume(not rests_on_rounding(result, portfolio))
    assert_agrees(result, portfolio)
