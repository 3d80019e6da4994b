"""Outcomes and sweeps as arrays: the numbers of objects, in whatever order they are read."""

import tracemalloc
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from engine.backtest import VectorBTEngine
from engine.errors import InvalidInputError, InvalidSettingsError
from engine.history import History
from engine.metrics import METRICS
from engine.outcomes import BatchOutcome
from engine.parameter_grid import sweep
from tests.bars import random_history
from tests.engine.pool import POOL, SETTINGS, STRATEGIES, UNIVERSE, WINDOW, bits_of

POINTS = 15
"""Of the sweep of sma_cross."""


def _require_columns(outcome: BatchOutcome, results: list[Any]) -> None:
    """Compare columns with the metrics of objects, asked for in an order of their own."""
    for name in reversed(METRICS):
        values = [result.metrics[name] for result in results]
        column = outcome.column(name).tolist()
        assert [None if np.isnan(value) else value for value in column] == values, name
        kinds = {type(value) for value in values if value is not None}
        assert kinds <= {type(value) for value in column}, name


@pytest.mark.parametrize("settings", SETTINGS)
def test_columns_equal_the_metrics_of_objects(settings: Any):
    eager = VectorBTEngine(settings).run_batch(POOL, STRATEGIES, WINDOW, UNIVERSE)
    engine, first = VectorBTEngine(settings, memory_budget=300_000), 0
    for lazy in engine.run_batches(POOL, STRATEGIES, WINDOW, UNIVERSE):
        expected = eager.results[first : first + len(lazy)]
        _require_columns(lazy, expected)
        assert [bits_of(result) for result in lazy] == [bits_of(result) for result in expected]
        first += len(lazy)
    assert first == len(eager) == len(eager.results)
    _require_columns(eager, eager.results)
    assert bits_of(eager[-1]) == bits_of(eager.results[-1])


def test_a_metric_nobody_asks_for_is_not_computed(monkeypatch: pytest.MonkeyPatch):
    computed: list[str] = []

    def watch(name: str, compute: Callable[..., Any]) -> Callable[..., Any]:
        def watched(inputs: Any) -> Any:
            computed.append(name)
            return compute(inputs)

        return watched

    for name, metric in METRICS.items():
        monkeypatch.setitem(METRICS, name, replace(metric, compute=watch(name, metric.compute)))
    swept = sweep(VectorBTEngine(), POOL[7:8], "sma_cross", WINDOW)
    assert computed == []
    table = swept.table(["sharpe_ratio", "total_trades"])
    assert computed == ["sharpe_ratio", "total_trades"]
    assert table.columns[-3:].tolist() == ["ended_early", "sharpe_ratio", "total_trades"]
    (outcome,) = swept.batches()
    assert outcome[3].metrics["sharpe_ratio"] == table["sharpe_ratio"][3]
    assert sorted(computed[2:]) == sorted(METRICS)


def test_an_unknown_metric_is_refused_by_name():
    outcome = VectorBTEngine().run_batch(POOL[7:8], STRATEGIES, WINDOW)
    for ask in (outcome.column, lambda name: outcome.table([name])):
        with pytest.raises(InvalidSettingsError, match="Did you mean 'sharpe_ratio'"):
            ask("sharp_ratio")


def test_a_sweep_is_a_sequence_of_what_its_batches_hold():
    swept = sweep(VectorBTEngine(memory_budget=300_000), POOL, "sma_cross", WINDOW)
    batches = list(swept.batches())
    assert len(batches) > 3
    bits = [bits_of(result) for batch in batches for result in batch]
    assert [bits_of(result) for result in swept] == bits
    streamed = swept.table()
    assert (len(swept), bits_of(swept[-1])) == (len(bits), bits[-1])
    assert [bits_of(result) for result in swept.results] == bits
    assert [bits_of(result) for result in swept] == bits
    assert swept.table().equals(streamed)
    assert streamed["sharpe_ratio"].equals(swept.table(["sharpe_ratio"])["sharpe_ratio"])
    np.testing.assert_array_equal(swept.column("alpha"), streamed["alpha"])
    assert {failure.symbol for failure in swept.failures} == {"S0", "S1", "S3"}
    assert repr(swept) == "<Sweep: 15 points of sma_cross, 1 skipped>"


def test_a_generator_is_swept_once_and_its_failures_are_known():
    taken: list[str] = []

    def histories() -> Iterator[History]:
        for history in POOL:
            taken.append(history.symbol)
            yield history

    swept = sweep(VectorBTEngine(), histories(), "sma_cross", WINDOW)
    assert taken == []
    table = swept.table(["total_return"])
    assert len(table) == (len(POOL) - 3) * POINTS
    assert {failure.symbol for failure in swept.failures} == {"S0", "S1", "S3"}
    assert swept.indicators.misses > 0
    assert len(taken) == len(POOL)
    with pytest.raises(InvalidInputError, match=r"histories was a generator.*needed: a list"):
        len(swept)


def _trace(work: Callable[[], Any]) -> tuple[float, float]:
    """Return the memory that is held after some work, and the most that was, in KB."""
    tracemalloc.start()
    try:
        kept = work()
        held, peak = tracemalloc.get_traced_memory()
        del kept
        return held / 1024, peak / 1024
    finally:
        tracemalloc.stop()


def test_memory_of_a_sweep_grows_with_what_is_kept_alone():
    def swept(symbols: int) -> Any:
        some = (random_history(f"M{number}", 500, number) for number in range(symbols))
        return sweep(VectorBTEngine(memory_budget=2_000_000), some, "sma_cross", WINDOW)

    swept(10).table()
    _, few = _trace(lambda: swept(10).table(["sharpe_ratio"]))
    _, many = _trace(lambda: swept(60).table(["sharpe_ratio"]))
    # 750 rows of eight columns more; results with their metrics read took 7 KB each.
    assert many - few < 750 * 0.3
    # A kept sweep has metrics, trades and bars, but no matrices and no objects.
    held, _ = _trace(lambda: (kept := swept(60), len(kept)))
    assert held < 60 * POINTS * 3
