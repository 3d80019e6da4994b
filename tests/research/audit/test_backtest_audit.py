"""The audit of a run: the accounts of all results, and all rules on a few symbols."""

from dataclasses import replace
from datetime import date

import numpy as np

from engine.backtest import VectorBTEngine
from engine.settings import BacktestSettings, Window
from research.audit.backtest_audit import BacktestAudit
from research.audit.findings import IntegrityFindings, RuleFindings
from research.audit.integrity import CUTS
from research.audit.scaling import MOST_SYMBOLS
from strategies.base import Bars, Signals
from strategies.rsi import Rsi
from strategies.sma_cross import SmaCross
from tests.bars import random_history
from tests.engine.planned import Planned

WINDOW = Window(date(2021, 6, 1), date(2022, 12, 1))
HISTORIES = [random_history(f"S{seed}", 700, seed) for seed in range(7)]
SETTINGS = BacktestSettings()


def _audited(strategies: list, histories: list = HISTORIES) -> BacktestAudit:
    audit = BacktestAudit()
    by_symbol = {history.symbol: history for history in histories}
    for result in VectorBTEngine(SETTINGS).run_batch(histories, strategies, WINDOW).results:
        audit.audit(result, by_symbol[result.symbol])
    audit.measure_scaling(strategies, SETTINGS)
    return audit


def test_rules_are_checked_on_five_symbols_and_accounts_on_all():
    audit = _audited([Rsi(), SmaCross()])
    findings, few = audit.findings(), RuleFindings(symbols=5, offenders={})
    for strategy in ("rsi", "sma_cross"):
        assert findings.look_ahead[strategy] == few
        assert findings.dropped_signals[strategy] == few
        assert findings.imbalance[strategy] == RuleFindings(symbols=7, offenders={})
    assert audit.scaling is not None
    assert audit.scaling.symbols == 5
    assert audit.scaling.memory_slope_mb is not None


def test_offenders_are_named_by_symbol():
    audit, (history, *_) = BacktestAudit(), HISTORIES
    (result,) = VectorBTEngine(SETTINGS).run_batch([history], Rsi(), WINDOW).results
    audit.audit(replace(result, trades=np.delete(result.trades, 0)), history)
    found = audit.findings()
    assert "signals" in found.dropped_signals["rsi"].offenders["S0"]
    assert "of the capital" in found.imbalance["rsi"].offenders["S0"]


def test_offending_parameter_sets_are_named_separately():
    audit, (history, *_) = BacktestAudit(), HISTORIES
    for strategy in (Rsi(), Rsi(period=7), SmaCross()):
        (result,) = VectorBTEngine(SETTINGS).run_batch([history], strategy, WINDOW).results
        audit.audit(replace(result, trades=np.delete(result.trades, 0)), history)
    found = audit.findings().dropped_signals
    assert found["rsi"].symbols == 1
    (first, second) = found["rsi"].offenders["S0"].split("; ")
    assert first.startswith("(period=14, oversold=30.0, overbought=70.0) dropped")
    assert second.startswith("(period=7, oversold=30.0, overbought=70.0) dropped")
    assert found["sma_cross"].offenders["S0"].startswith("dropped")


class Learning(Rsi):
    """Records the number of bars of each call."""

    learns = True

    def signals(self, bars: Bars) -> Signals:
        SEEN.append(len(bars))
        return super().signals(bars)


SEEN: list[int] = []


def test_what_learns_is_tried_at_all_cuts_of_one_symbol():
    audit, tried = BacktestAudit(), []
    until_the_last_bar = Window(WINDOW.start, date(2030, 1, 1))
    for history in HISTORIES[:MOST_SYMBOLS]:
        engine = VectorBTEngine(SETTINGS)
        (result,) = engine.run_batch([history], Learning(), until_the_last_bar).results
        SEEN.clear()
        audit.audit(result, history)
        tried.append({bars for bars in SEEN if bars < len(history.bars)})
    first, *others = tried
    last = max(first)
    assert len(first) == CUTS + 1
    assert all(len(one) == 2 and last in one and one < first for one in others)
    assert len(set.union(*others)) == len(others) + 1  # another cut of each


class Demanding(Planned):
    """Raises on fewer than 300 bars."""

    def signals(self, bars: Bars) -> Signals:
        if len(bars) < 300:
            raise ValueError("too few for me")
        return super().signals(bars)


def test_a_strategy_that_fails_on_few_bars_is_an_offender():
    audit, (history, *_) = BacktestAudit(), HISTORIES
    (result,) = (
        VectorBTEngine(SETTINGS).run_batch([history], Demanding([200], [300]), WINDOW).results
    )
    audit.audit(result, history)
    (told,) = audit.findings().look_ahead[result.strategy.name].offenders.values()
    assert told == "fails on the first bars alone: ValueError: too few for me"


def test_without_results_nothing_is_measured():
    audit = BacktestAudit()
    audit.measure_scaling([Rsi()], SETTINGS)
    assert audit.scaling is None
    assert audit.findings() == IntegrityFindings(look_ahead={}, dropped_signals={}, imbalance={})
