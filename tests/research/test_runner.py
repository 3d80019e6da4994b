"""The runner: stored results are reused, missing ones computed, failures isolated."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date

import polars as pl
import pytest

from engine.backtest import VectorBTEngine
from engine.history import History
from engine.settings import BacktestSettings
from research.run_spec import IdentifiedResult, RunSpec
from research.runner import BacktestRunner
from strategies.base import Strategy
from strategies.registry import get_strategy
from tests.engine.pool import POOL, WINDOW

Spec = tuple[str, date, date]
SMA, RSI = get_strategy("sma_cross"), get_strategy("rsi")
FAST, SLOW = SMA.from_mapping({"fast_period": 5}), SMA.from_mapping({"fast_period": 10})


@dataclass
class Bars:
    history: History
    data_version: str


@dataclass
class Memory:
    """An archive in memory, which records its calls."""

    rows: dict[str, tuple[str, str, float | None]] = field(default_factory=dict)
    parts: list[int] = field(default_factory=list)
    written: list[list[str]] = field(default_factory=list)
    computed: list[list[str]] = field(default_factory=list)

    def find(self, identifiers: Sequence[str]) -> pl.DataFrame:
        found = [(one, *self.rows[one]) for one in identifiers if one in self.rows]
        return self._frame(found)

    def differing(self, computed: Sequence[IdentifiedResult], stored: pl.DataFrame) -> list[str]:
        known = {row[0]: row[1:] for row in stored.iter_rows()}
        return [one.identifier for one in computed if known[one.identifier] != _row(one)]

    def write(
        self,
        part: int,
        computed: Sequence[IdentifiedResult],
        stored: pl.DataFrame,
        order: Sequence[str],
    ) -> pl.DataFrame:
        self.parts.append(part)
        rows = {row[0]: row[1:] for row in stored.iter_rows()}
        rows |= {one.identifier: _row(one) for one in computed}
        self.rows |= rows
        kept = [one for one in order if one in rows]
        self.written.append(kept)
        self.computed.append([one.identifier for one in computed])
        return self._frame([(one, *rows[one]) for one in kept])

    @staticmethod
    def _frame(rows: Sequence[tuple]) -> pl.DataFrame:
        schema = {
            "id": pl.String, "symbol": pl.String, "strategy": pl.String, "sharpe_ratio": pl.Float64
        }  # fmt: skip
        return pl.DataFrame(rows, schema, orient="row")


def _row(one: IdentifiedResult) -> tuple[str, str, float | None]:
    result = one.result
    return result.symbol, result.strategy.name, result.metrics["sharpe_ratio"]  # pyright: ignore[reportReturnType]


def _run(
    archive: Memory,
    strategies: Sequence[Strategy] = (FAST, RSI()),
    histories: Sequence[History] = (),
    size: int = 2,
    versions: str = "v1",
    broken: Sequence[str] = (),
    run_id: str = "run",
) -> tuple[BacktestRunner, list[pl.DataFrame]]:
    histories = histories or POOL[4:8]
    by_symbol = {one.symbol: one for one in histories}
    spec = RunSpec(
        run_id=run_id,
        source="synthetic",
        strategies=strategies,
        window=WINDOW,
        settings=BacktestSettings(),
        stored_settings=BacktestSettings().as_dict(),
        code_versions={one.name: "1" for one in strategies},
    )

    def load(wanted: Iterable[Spec]) -> Iterator[tuple[str, Bars | Exception]]:
        for symbol, _, _ in wanted:
            fails = symbol in broken
            yield symbol, OSError("no disk") if fails else Bars(by_symbol[symbol], versions)

    symbols = list(by_symbol)
    days = date(2021, 1, 1), WINDOW.end
    batches = [
        [(symbol, *days) for symbol in symbols[start : start + size]]
        for start in range(0, len(symbols), size)
    ]
    runner = BacktestRunner(spec, VectorBTEngine(), archive)
    return runner, list(runner.run(load, batches))


def test_results_are_ordered_by_symbol_and_strategy_per_batch():
    runner, frames = _run(Memory())
    names = [one.select("symbol", "strategy").rows() for one in frames]
    assert names == [
        [("S4", "sma_cross"), ("S4", "rsi"), ("S5", "sma_cross"), ("S5", "rsi")],
        [("S6", "sma_cross"), ("S6", "rsi"), ("S7", "sma_cross"), ("S7", "rsi")],
    ]
    assert runner.computed == {"sma_cross": 4, "rsi": 4}
    assert not runner.cached


def test_stored_results_are_reused_and_a_sample_is_compared():
    archive = Memory()
    _, first = _run(archive)
    runner, again = _run(archive)
    for one, other in zip(first, again, strict=True):
        assert one.equals(other)
    assert runner.cached == {"sma_cross": 4, "rsi": 4}
    assert not runner.computed
    assert archive.computed[2:] == [[], []]
    audited = runner.audit.findings().imbalance["rsi"].symbols
    assert audited == 2, "one symbol of each batch"
    assert archive.parts == [0, 1, 0, 1]


def test_a_stored_result_that_differs_is_replaced_and_counted():
    archive = Memory()
    _run(archive, size=1)
    wrong = archive.written[0][1]
    right = archive.rows[wrong]
    archive.rows[wrong] = (right[0], right[1], 26.0)
    runner, _ = _run(archive, size=1)
    assert runner.differing == 1
    assert archive.computed[4:] == [[wrong], [], [], []]
    assert archive.rows[wrong] == right
    assert (runner.cached, runner.computed) == ({"sma_cross": 4, "rsi": 3}, {"rsi": 1})


def test_every_symbol_is_compared_in_some_run():
    archive = Memory()
    _run(archive, size=4)
    compared: set[str] = set()
    for number in range(20):
        runner, _ = _run(archive, size=4, run_id=f"run-{number}")
        compared |= set(runner.audit._histories)
    assert compared == {one.symbol for one in POOL[4:8]}


def test_two_parameter_sets_of_a_strategy_do_not_collide():
    archive = Memory()
    _run(archive, strategies=[FAST])
    runner, frames = _run(archive, strategies=[FAST, SLOW])
    rows = pl.concat(frames)
    assert rows["id"].n_unique() == rows.height == 8
    by_symbol = rows.group_by("symbol").agg(pl.col("sharpe_ratio").n_unique())
    assert by_symbol["sharpe_ratio"].max() == 2
    assert (runner.cached, runner.computed) == ({"sma_cross": 4}, {"sma_cross": 4})


@pytest.mark.parametrize(
    "change", [{"versions": "v2"}, {"strategies": [RSI.from_mapping({"period": 7})]}]
)
def test_other_bars_or_parameters_are_other_results(change: dict):
    archive = Memory()
    _run(archive)
    runner, _ = _run(archive, **change)
    assert not runner.cached


def test_a_symbol_that_cannot_be_loaded_fails_alone():
    archive = Memory()
    runner, frames = _run(archive, broken=["S5"])
    assert [(one.symbol, one.error_class) for one in runner.failures] == [("S5", "OSError")]
    assert set(pl.concat(frames)["symbol"]) == {"S4", "S6", "S7"}


def test_a_batch_of_failures_is_written_as_empty():
    archive = Memory()
    _, frames = _run(archive, broken=["S4", "S5"])
    assert [one.height for one in frames] == [0, 4]


def test_bars_are_loaded_batch_by_batch():
    archive, taken = Memory(), []

    def load(wanted: Iterable[Spec]) -> Iterator[tuple[str, Bars | Exception]]:
        for symbol, _, _ in wanted:
            taken.append(symbol)
            yield symbol, Bars(next(one for one in POOL if one.symbol == symbol), "v1")

    versions = {FAST.name: "1"}
    spec = RunSpec("run", "synthetic", [FAST], WINDOW, BacktestSettings(), {}, versions)
    batches = [[(one.symbol, WINDOW.start, WINDOW.end)] for one in POOL[4:8]]
    running = BacktestRunner(spec, VectorBTEngine(), archive).run(load, batches)
    next(running)
    assert taken == ["S4"]
    next(running)
    assert taken == ["S4", "S5"]
