"""A symbol gives the same bits alone and in any batch, order and memory budget."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.backtest import VectorBTEngine
from engine.parameter_grid import sweep
from engine.settings import BacktestSettings
from tests.engine.pool import (
    BUDGETS,
    POOL,
    SETTINGS,
    STRATEGIES,
    UNIVERSE,
    WINDOW,
    bits_of,
    digest,
)
from tests.strategies.examples import examples


@given(
    batch=st.lists(st.sampled_from(POOL), min_size=1, unique_by=lambda h: h.symbol),
    together=st.lists(
        st.sampled_from(STRATEGIES), min_size=1, max_size=4, unique_by=lambda s: s.name
    ),
    settings=st.sampled_from(SETTINGS),
    budget=st.sampled_from(BUDGETS),
)
@examples(30)
def test_a_symbol_has_the_same_bits_alone_and_in_a_batch(batch, together, settings, budget):
    engine = VectorBTEngine(settings, memory_budget=budget)
    outcome = engine.run_batch(batch, together, WINDOW, UNIVERSE)
    bits = {(r.symbol, r.strategy.name): bits_of(r) for r in outcome.results}
    failed = [failure.symbol for failure in outcome.failures]
    for history in batch:
        for strategy in together:
            alone = VectorBTEngine(settings).run_batch([history], strategy, WINDOW, UNIVERSE)
            assert [bits_of(result) for result in alone.results] == [
                bits[key] for key in [(history.symbol, strategy.name)] if key in bits
            ]
            assert len(alone.results) + failed.count(history.symbol) == 1


def test_every_memory_budget_gives_the_same_outcome():
    outcomes = [
        VectorBTEngine(memory_budget=budget).run_batch(POOL, STRATEGIES, WINDOW)
        for budget in BUDGETS
    ]
    for outcome in outcomes:
        assert outcome.failures == outcomes[0].failures
        assert [(r.symbol, r.strategy, bits_of(r)) for r in outcome.results] == [
            (r.symbol, r.strategy, bits_of(r)) for r in outcomes[0].results
        ]


def test_a_point_of_a_sweep_has_the_bits_of_its_own_run():
    engine = VectorBTEngine()
    for name in ("sma_cross", "breakout"):
        results = sweep(engine, POOL[5:7], name, WINDOW).results
        for result in results[::5]:
            (history,) = [one for one in POOL if one.symbol == result.symbol]
            (alone,) = engine.run_batch([history], result.strategy, WINDOW).results
            assert bits_of(result) == bits_of(alone)


def test_a_process_with_another_hash_seed_gives_the_same_bits():
    shown = subprocess.run(
        [sys.executable, "-m", "tests.engine.pool"],
        cwd=Path(__file__).resolve().parents[2],
        env={"PYTHONHASHSEED": "4711"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert shown.stdout.strip() == digest()


def test_different_settings_give_different_bits():
    dearer = VectorBTEngine(BacktestSettings(fees=0.002))
    results = VectorBTEngine().run_batch(POOL, STRATEGIES, WINDOW).results
    others = dearer.run_batch(POOL, STRATEGIES, WINDOW).results
    pairs = [pair for pair in zip(results, others, strict=True) if len(pair[0].trades)]
    assert len(pairs) > 20
    assert all(bits_of(result) != bits_of(other) for result, other in pairs)


@pytest.mark.parametrize("seed", range(3))
def test_results_have_the_order_of_the_batch(seed: int):
    shuffled = [POOL[place] for place in np.random.default_rng(seed).permutation(len(POOL))]
    outcome = VectorBTEngine(memory_budget=300_000).run_batch(shuffled, STRATEGIES, WINDOW)
    failed = {failure.symbol for failure in outcome.failures}
    assert [(r.symbol, r.strategy.name) for r in outcome.results] == [
        (history.symbol, strategy.name)
        for history in shuffled
        if history.symbol not in failed
        for strategy in STRATEGIES
    ]
