"""run_batch and run_batches: order, laziness, isolation of failures, and the table."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date

import numpy as np
import pandas as pd
import pytest

from engine.backtest import VectorBTEngine
from engine.history import History
from engine.metrics import METRICS
from engine.outcomes import BatchOutcome
from engine.settings import Window
from strategies.base import Bars, Signals
from strategies.rsi import Rsi
from strategies.sma_cross import SmaCross
from tests.bars import random_history
from tests.engine.planned import Planned
from tests.engine.pool import bits_of

WINDOW = Window(date(2021, 1, 1), date(2022, 12, 31))
HISTORIES = [random_history(name, 200 + n, n) for n, name in enumerate(["ZZ", "AA", "MM", "BB"])]
STRATEGIES = [SmaCross(), Rsi(), SmaCross(slow_period=50)]


def _keys(outcome: BatchOutcome) -> list[tuple[str, object]]:
    return [(result.symbol, result.strategy) for result in outcome.results]


def test_results_are_ordered_by_symbol_then_strategy_as_given():
    outcome = VectorBTEngine().run_batch(HISTORIES, STRATEGIES, WINDOW)
    assert outcome.failures == []
    assert _keys(outcome) == [(h.symbol, s) for h in HISTORIES for s in STRATEGIES]


def test_a_single_strategy_and_generators_are_accepted():
    engine = VectorBTEngine()
    one = engine.run_batch(HISTORIES, SmaCross(), WINDOW)
    lazy = engine.run_batch((h for h in HISTORIES), (s for s in [SmaCross()]), WINDOW)
    assert [bits_of(r) for r in one.results] == [bits_of(r) for r in lazy.results]
    assert _keys(one) == [(h.symbol, SmaCross()) for h in HISTORIES]


def test_no_histories_give_an_empty_outcome():
    outcome = VectorBTEngine().run_batch([], STRATEGIES, WINDOW)
    assert (outcome.results, outcome.failures, len(outcome)) == ([], [], 0)
    assert outcome.table().empty
    assert outcome.column("sharpe_ratio").tolist() == []


def _counted(histories: list[History], taken: list[str]) -> Iterator[History]:
    for history in histories:
        taken.append(history.symbol)
        yield history


def test_histories_are_consumed_lazily():
    taken: list[str] = []
    engine = VectorBTEngine(memory_budget=1)
    outcomes = engine.run_batches(_counted(HISTORIES, taken), STRATEGIES, WINDOW)
    assert taken == []
    first = next(outcomes)
    # One that fills the first chunk, and one that did not fit into it.
    assert taken == ["ZZ", "AA"]
    assert {result.symbol for result in first.results} == {"ZZ"}
    rest = [result.symbol for outcome in outcomes for result in outcome.results]
    assert rest == [symbol for symbol in ("AA", "MM", "BB") for _ in STRATEGIES]


def test_a_large_memory_budget_takes_all_histories_at_once():
    taken: list[str] = []
    engine = VectorBTEngine(memory_budget=10**9)
    outcomes = engine.run_batches(_counted(HISTORIES, taken), STRATEGIES, WINDOW)
    assert len(next(outcomes).results) == 12
    assert len(taken) == 4
    assert next(outcomes, None) is None


@dataclass(frozen=True)
class Wayward(Planned):
    """Returns or raises `answer` for a history of 201 bars, and valid signals for others."""

    answer: object = None

    def __init__(self, answer: object) -> None:
        super().__init__([1], [5])
        object.__setattr__(self, "answer", answer)

    def signals(self, bars: Bars) -> Signals:
        if len(bars) != 201:
            return super().signals(bars)
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer  # pyright: ignore[reportReturnType]


def _signals(kind: type, length: int) -> Signals:
    return Signals(np.zeros(201, dtype=np.bool_), np.zeros(length, dtype=kind))


@pytest.mark.parametrize(
    ("answer", "error_class", "message"),
    [
        (ValueError("the moon\nis wrong"), "ValueError", "the moon is wrong"),
        (KeyError(), "KeyError", "no message"),
        (
            _signals(np.float64, 201),
            "InvalidSignalsError",
            "run_batch returned exits of float64 (201,) for AA; needed: Signals with bool (201,)",
        ),
        (
            _signals(np.bool_, 200),
            "InvalidSignalsError",
            "run_batch returned exits of bool (200,) for AA; needed: Signals with bool (201,)",
        ),
        (None, "InvalidSignalsError", "run_batch returned entries of "),
        ([True] * 201, "InvalidSignalsError", "run_batch returned entries of "),
    ],
)
def test_a_strategy_that_fails_on_a_symbol_fails_only_there(
    answer: object, error_class: str, message: str
):
    strategies = [SmaCross(), Wayward(answer), Rsi()]
    outcome = VectorBTEngine().run_batch(HISTORIES, strategies, WINDOW)
    (failure,) = outcome.failures
    assert (failure.symbol, failure.error_class) == ("AA", error_class)
    assert failure.strategy == Wayward.name
    assert message in failure.message.replace("test_run_batch", "run_batch")
    assert _keys(outcome) == [
        (history.symbol, strategy)
        for history in HISTORIES
        for strategy in strategies
        if (history.symbol, strategy) != ("AA", strategies[1])
    ]
    alone = VectorBTEngine().run_batch(HISTORIES, [SmaCross(), Rsi()], WINDOW)
    kept = [result for result in outcome.results if not isinstance(result.strategy, Wayward)]
    assert [bits_of(result) for result in kept] == [bits_of(result) for result in alone.results]


class Scribbling(Planned):
    """Normalizes its bars in place."""

    def signals(self, bars: Bars) -> Signals:
        bars.close[:] = bars.close / bars.close[0]
        return super().signals(bars)


def test_a_strategy_that_writes_to_its_bars_fails_alone():
    histories = [random_history(name, 200, 7) for name in ("A", "B")]
    engine = VectorBTEngine()
    before = engine.run_batch(histories, Rsi(), WINDOW)
    outcome = engine.run_batch(histories, [Scribbling([1], [5]), Rsi()], WINDOW)
    assert [failure.symbol for failure in outcome.failures] == ["A", "B"]
    for failure in outcome.failures:
        where = r"assignment destination is read-only \(test_run_batch\.py:\d+\)"
        assert re.fullmatch(where, failure.message)
    assert [bits_of(r) for r in outcome.results] == [bits_of(r) for r in before.results]
    assert histories[0].bars.close.flags.writeable


def test_trades_belong_to_their_own_backtest():
    plans = [Planned([0, 9], [5]), Planned([2], [])]
    for result in VectorBTEngine().run_batch(HISTORIES, plans, WINDOW).results:
        assert len(result.trades) == (2 if result.strategy is plans[0] else 1)
        profit = np.sum(result.trades["pnl"])
        assert result.metrics["final_value"] == pytest.approx(10_000 + profit)


def test_the_table_has_a_row_per_result_with_all_metrics():
    outcome = VectorBTEngine().run_batch(HISTORIES, STRATEGIES, WINDOW)
    table = outcome.table()
    assert len(table) == 12
    assert table["symbol"].tolist() == [h.symbol for h in HISTORIES for _ in STRATEGIES]
    assert table["strategy"].tolist()[:3] == ["sma_cross", "rsi", "sma_cross"]
    assert table["strategy"].cat.categories.tolist() == ["rsi", "sma_cross"]
    assert table["slow_period"].tolist()[:3] == [20, pytest.approx(np.nan, nan_ok=True), 50]
    assert set(METRICS) <= set(table.columns)
    row = outcome.results[4]
    for name, value in row.metrics.items():
        there = table[name].iloc[4]
        assert pd.isna(there) if value is None else there == value, name
