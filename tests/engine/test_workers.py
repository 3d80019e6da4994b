"""Processes that share the work: the same bits as one, errors that surface, nothing left behind."""

import multiprocessing
import os
import tempfile
from collections.abc import Iterator
from concurrent.futures import Future
from datetime import date
from pathlib import Path

import pytest

from engine import backtest
from engine.backtest import VectorBTEngine
from engine.batches import BatchSpec, split_batches
from engine.blocks import Block, BlockOutcome
from engine.errors import WorkersLostError
from engine.settings import BacktestSettings, Window
from engine.workers import _Pool, _Sent
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
    """Lend an engine of two processes that starts them for the smallest batch."""
    monkeypatch.setattr(backtest, "_WORTH_A_START", 0)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    with VectorBTEngine(BacktestSettings(stop_loss=0.05), memory_budget=1, workers=2) as engine:
        yield engine


def test_two_processes_give_the_bits_of_one(engine: VectorBTEngine, tmp_path: Path):
    alone = VectorBTEngine(engine.settings).run_batch(HISTORIES, STRATEGIES, WINDOW)
    for _ in range(2):
        shared = engine.run_batch(HISTORIES, STRATEGIES, WINDOW)
        assert [bits_of(result) for result in shared.results] == [
            bits_of(result) for result in alone.results
        ]
        assert shared.failures == alone.failures
        assert multiprocessing.active_children()
    # Whoever stops in between leaves neither a process nor a file.
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


def test_more_trades_than_their_bars_have_room_for_come_back_too(engine: VectorBTEngine):
    # A trade takes 72 bytes, a bar 48: a position a bar is more than the bars were.
    engine.settings = BacktestSettings(direction="both")
    turning = Planned(range(0, 400, 2), range(1, 400, 2))
    shared = engine.run_batch(HISTORIES * 3, turning, WINDOW).results
    alone = VectorBTEngine(engine.settings).run_batch(HISTORIES * 3, turning, WINDOW).results
    assert [bits_of(result) for result in shared] == [bits_of(result) for result in alone]
    assert len(shared[0].trades) * shared[0].trades.itemsize > 300 * 48


class Unsendable(Planned):
    """Cannot be sent to another process."""

    def __reduce__(self):
        raise TypeError("this strategy cannot be sent")


class Quitting(Planned):
    """Ends the process that computes its signals; the test's own waits for that end instead."""

    def signals(self, bars: Bars) -> Signals:
        if multiprocessing.parent_process() is not None:
            os._exit(1)
        for process in multiprocessing.active_children():
            process.join()
        return super().signals(bars)


def test_what_goes_wrong_in_a_process_is_raised_here_and_the_next_batch_works(
    engine: VectorBTEngine, tmp_path: Path
):
    with pytest.raises(WorkersLostError, match="A worker process died: it was killed"):
        engine.run_batch(HISTORIES, Quitting([1], [3]), WINDOW)
    assert not multiprocessing.active_children()
    assert list(tmp_path.iterdir()) == []
    assert len(engine.run_batch(HISTORIES, SmaCross(), WINDOW).results) == 4


def test_what_cannot_be_sent_is_run_here(engine: VectorBTEngine):
    strategy = Unsendable([1], [3])
    shared = engine.run_batch(HISTORIES * 10, strategy, WINDOW).results
    alone = VectorBTEngine(engine.settings).run_batch(HISTORIES * 10, strategy, WINDOW).results
    assert [bits_of(result) for result in shared] == [bits_of(result) for result in alone]


def test_one_symbol_that_fails_in_a_process_fails_alone(engine: VectorBTEngine):
    bad = random_history("BAD", 200, 9)
    bad.bars.close[100] = -1.0
    outcome = engine.run_batch([*HISTORIES, bad] * 2, SmaCross(), WINDOW)
    assert {failure.symbol for failure in outcome.failures} == {"S3", "BAD"}
    assert len(outcome.results) == 8


def test_a_small_batch_starts_no_process():
    with VectorBTEngine(workers=2) as engine:
        engine.run_batch(HISTORIES, STRATEGIES, WINDOW)
        assert not multiprocessing.active_children()


def test_the_work_goes_on_in_processes_once_it_has_proved_large(
    monkeypatch: pytest.MonkeyPatch, engine: VectorBTEngine
):
    sizes: list[int] = []
    run_block = backtest.run_block

    def counted(block: Block):
        sizes.append(block.size)
        return run_block(block)

    monkeypatch.setattr(backtest, "run_block", counted)
    monkeypatch.setattr(backtest, "_WORTH_A_START", 400)
    outcome = engine.run_batch(HISTORIES * 4, SmaCross(), WINDOW)
    assert sum(sizes[:-1]) < 400 <= sum(sizes)
    assert multiprocessing.active_children()
    assert len(outcome.results) == 16


def test_a_block_that_no_process_has_begun_is_taken_back_and_run_here():
    spec = BatchSpec(STRATEGIES, WINDOW, BacktestSettings())
    block = next(split_batches(HISTORIES, spec, 1)).blocks[0]
    pool = _Pool(1)
    waiting, begun = (_Sent(Future(), pool._slab(1), block) for _ in range(2))
    assert begun.slab.begin()
    assert pool.take_back_or_leave(begun) is begun
    assert isinstance(pool.take_back_or_leave(waiting), BlockOutcome)
    assert not waiting.slab.begin()
    # Its file is free when the process has passed over it, and not before.
    assert pool._free == []
    waiting.future.set_exception(Exception())
    assert pool._free == [waiting.slab]
    pool.close()
