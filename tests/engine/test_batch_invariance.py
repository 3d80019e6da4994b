"""A symbol of a batch gives the same numbers alone, in any batch and in any order, to the bit."""

from datetime import date

from hypothesis import given, settings
from hypothesis import strategies as st

from engine.backtest import VectorBTEngine
from engine.results import BacktestResult
from engine.settings import Window
from strategies.registry import registered_strategies
from tests.bars import random_history

# Ragged on purpose: a symbol too short to trade, ones that start or end inside the window, twins
# of one length, and one longer than the window.
POOL = [
    random_history(f"S{seed}", length, seed)
    for seed, length in enumerate([1, 2, 15, 40, 40, 120, 333, 400, 400, 777])
]
WINDOW = Window(date(2021, 2, 1), date(2022, 9, 1))


def _bits(result: BacktestResult) -> tuple[bytes, bytes, str]:
    return result.equity.tobytes(), result.trades.tobytes(), repr((result.metrics, result.undefined))


@given(
    batch=st.lists(st.sampled_from(POOL), min_size=1, unique_by=lambda h: h.symbol),
    name=st.sampled_from(sorted(registered_strategies())),
)
@settings(max_examples=60, deadline=None)
def test_a_symbol_gives_the_same_bits_alone_and_in_any_batch(batch, name):
    strategy, engine = registered_strategies()[name](), VectorBTEngine()
    together = engine.run_batch(batch, strategy, WINDOW)
    for history in batch:
        alone = engine.run_batch([history], strategy, WINDOW)
        for outcome in (alone, together):
            names = [r.symbol for r in outcome.results] + [f.symbol for f in outcome.failures]
            assert names.count(history.symbol) == 1
        in_batch = [r for r in together.results if r.symbol == history.symbol]
        assert [_bits(r) for r in in_batch] == [_bits(r) for r in alone.results]
