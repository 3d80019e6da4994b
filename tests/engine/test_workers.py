"""Worker processes: the same bits as one process, visible errors, and no process left."""

import multiprocessing
import os
import tempfile
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest

from engine import workers
from engine.backtest import VectorBTEngine
from engine.blocks import Block
from engine.errors import WorkersLostError
from engine.settings import BacktestSettings, Window
from strategies.base import Bars, Signals
from strategies.registry import registered_strategies
from strategies.sma_cross import SmaCross
from tests.bars import random_history
from tests.engine.planned import Planned
from tests.engine.pool import bits_of

WINDOW = Window(date(2021, 2, 1), date(2022, 9, 1))
HISTORIES = [random_history(f"S{n}", length, n) for n, length in enumerate([300, 200, 300, 15, 90])]
STRATEGIES = [strategy() for strategy in registered_strategies().values()]


@pytest.fixture
def engine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[VectorBTEngine]:
    """Lend an engine of two processes that starts the worker even for a small batch."""
    monkeypatch.setattr(workers, "_WORTH_A_START", 0)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    with VectorBTEngine(BacktestSettings(stop_loss=0.05), memory_budget=1, workers=2) as engine:
        yield engine


def test_two_processes_give_the_same_bits_as_one(engine: VectorBTEngine, tmp_path: Path):
    alone = VectorBTEngine(engine.settings).run_batch(HISTORIES, STRATEGIES, WINDOW)
    for _ in range(2):
        shared = engine.run_batch(HISTORIES, STRATEGIES, WINDOW)
        assert [bits_of(result) for result in shared.results] == [
            bits_of(result) for result in alone.results
        ]
        assert shared.failures == alone.failures
        assert multiprocessing.active_children()
    # Outcomes that are not consumed leave no process and no file.
    outcomes = engine.run_batches(HISTORIES * 10, STRATEGIES, WINDOW)
    next(outcomes)
    del outcomes
    assert list(tmp_path.glob("gauntlet-bars-*/*.bin"))
    again = engine.run_batch(HISTORIES, STRATEGIES, WINDOW)
    assert [bits_of(r) for r in again.results] == [bits_of(r) for r in alone.results]
    engine.close()
    assert not multiprocessing.active_children()
    assert list(tmp_path.iterdir()) == []
    engine.close()


def test_trades_that_exceed_the_shared_file_are_returned(engine: VectorBTEngine):
    # A trade takes 72 bytes, a bar 48: a position per bar is more than the bars were.
    engine.settings = BacktestSettings(direction="both")
    turning = Planned(range(0, 400, 2), range(1, 400, 2))
    shared = engine.run_batch(HISTORIES * 3, turning, WINDOW).results
    alone = VectorBTEngine(engine.settings).run_batch(HISTORIES * 3, turning, WINDOW).results
    assert [bits_of(result) for result in shared] == [bits_of(result) for result in alone]
    assert len(shared[0].trades) * shared[0].trades.itemsize > 300 * 48


class Unsendable(Planned):
    """Cannot be pickled."""

    def __reduce__(self):
        raise TypeError("this strategy cannot be sent")


class Quitting(Planned):
    """Exits the worker that computes its signals; the test's own process waits for that exit."""

    def signals(self, bars: Bars) -> Signals:
        if multiprocessing.parent_process() is not None:
            os._exit(1)
        for process in multiprocessing.active_children():
            process.join()
        return super().signals(bars)


class Writing(Planned):
    """Writes to its bars."""

    def signals(self, bars: Bars) -> Signals:
        bars.high[:] = 0.0
        return super().signals(bars)


def test_a_killed_worker_is_an_error_and_the_next_batch_works(
    engine: VectorBTEngine, tmp_path: Path
):
    with pytest.raises(WorkersLostError, match="A worker process died: it was killed"):
        engine.run_batch(HISTORIES, Quitting([1], [3]), WINDOW)
    assert not multiprocessing.active_children()
    assert list(tmp_path.iterdir()) == []
    assert len(engine.run_batch(HISTORIES, SmaCross(), WINDOW).results) == 4


def test_an_unpicklable_strategy_runs_in_this_process(engine: VectorBTEngine):
    strategy = Unsendable([1], [3])
    shared = engine.run_batch(HISTORIES * 10, strategy, WINDOW).results
    alone = VectorBTEngine(engine.settings).run_batch(HISTORIES * 10, strategy, WINDOW).results
    assert [bits_of(result) for result in shared] == [bits_of(result) for result in alone]


def test_a_failure_in_a_worker_fails_only_its_symbol(engine: VectorBTEngine):
    bad = random_history("BAD", 200, 9)
    bad.bars.close[100] = -1.0
    outcome = engine.run_batch([*HISTORIES, bad] * 2, SmaCross(), WINDOW)
    assert {failure.symbol for failure in outcome.failures} == {"S3", "BAD"}
    assert len(outcome.results) == 8


def test_bars_are_read_only_in_every_process(engine: VectorBTEngine):
    outcome = engine.run_batch(HISTORIES * 5, Writing([1], [3]), WINDOW)
    assert outcome.results == []
    messages = {one.message for one in outcome.failures if one.strategy}
    assert len(messages) == 1
    assert "read-only" in messages.pop()


def test_a_small_batch_starts_no_worker():
    with VectorBTEngine(workers=2) as engine:
        engine.run_batch(HISTORIES, STRATEGIES, WINDOW)
        assert not multiprocessing.active_children()


def test_workers_start_once_enough_work_was_done(
    monkeypatch: pytest.MonkeyPatch, engine: VectorBTEngine
):
    sizes: list[int] = []
    run_block, start = workers.run_block, engine._workers._start

    def counting(block: Block):
        sizes.append(block.size)
        return run_block(block)

    def noting():
        started.append(sum(sizes[:-1]) < 400 <= sum(sizes))
        return start()

    started: list[bool] = []
    monkeypatch.setattr(workers, "run_block", counting)
    monkeypatch.setattr(engine._workers, "_start", noting)
    monkeypatch.setattr(workers, "_WORTH_A_START", 400)
    assert len(engine.run_batch(HISTORIES * 4, SmaCross(), WINDOW).results) == 16
    assert started == [True]
    assert multiprocessing.active_children()
