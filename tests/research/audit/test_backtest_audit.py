"""What a run finds out about its backtests: closely on a few symbols, in a profile."""

from dataclasses import replace
from datetime import date

import numpy as np

from engine.backtest import VectorBTEngine
from engine.settings import BacktestSettings, Window
from research.audit.backtest_audit import RunProbe
from research.natural_key import json_text
from strategies.base import Bars, Signals
from strategies.rsi import Rsi
from strategies.sma_cross import SmaCross
from tests.bars import random_history
from tests.engine.planned import Planned

WINDOW = Window(date(2021, 6, 1), date(2022, 12, 1))
HISTORIES = [random_history(f"S{seed}", 700, seed) for seed in range(7)]
SETTINGS = BacktestSettings()


def _probed(strategies: list, histories: list = HISTORIES) -> RunProbe:
    probe = RunProbe()
    for history in histories:
        probe.keep(history)
    for result in VectorBTEngine(SETTINGS).run_batch(histories, strategies, WINDOW).results:
        probe.look_at(result)
    probe.measure_scaling(strategies, SETTINGS)
    return probe


def test_it_looks_closely_at_the_first_five_and_balances_the_accounts_of_all():
    summary = _probed([Rsi(), SmaCross()]).summary()
    assert json_text(summary)
    for strategy in ("rsi", "sma_cross"):
        counts = {rule: found[strategy] for rule, found in summary["integrity"].items()}
        assert counts == {
            "look_ahead": {"symbols": 5, "offenders": {}},
            "dropped_signals": {"symbols": 5, "offenders": {}},
            "imbalance": {"symbols": 7, "offenders": {}},
        }
    assert summary["scaling"]["symbols"] == 5
    assert summary["probe_memory_slope_mb"] is not None


def test_what_is_wrong_is_told_by_symbol():
    probe, (history, *_) = RunProbe(), HISTORIES
    probe.keep(history)
    (result,) = VectorBTEngine(SETTINGS).run_batch([history], Rsi(), WINDOW).results
    probe.look_at(replace(result, trades=np.delete(result.trades, 0)))
    found = probe.summary()["integrity"]
    assert "signals" in found["dropped_signals"]["rsi"]["offenders"]["S0"]
    assert "of the capital" in found["imbalance"]["rsi"]["offenders"]["S0"]


class Squeamish(Planned):
    """Refuses bars that are not all of them."""

    def signals(self, bars: Bars) -> Signals:
        if len(bars) < 300:
            raise ValueError("too few for me")
        return super().signals(bars)


def test_a_strategy_that_fails_on_part_of_its_bars_is_an_offender_and_spoils_nothing():
    probe, (history, *_) = RunProbe(), HISTORIES
    probe.keep(history)
    (result,) = (
        VectorBTEngine(SETTINGS).run_batch([history], Squeamish([200], [300]), WINDOW).results
    )
    probe.look_at(result)
    (told,) = probe.summary()["integrity"]["look_ahead"][result.strategy.name]["offenders"].values()
    assert told == "fails on the first of its bars alone: ValueError: too few for me"


def test_where_nothing_could_be_run_nothing_is_measured():
    probe = RunProbe()
    probe.keep(HISTORIES[0])
    probe.measure_scaling([Rsi()], SETTINGS)
    assert probe.summary() == {
        "scaling": None,
        "probe_memory_slope_mb": None,
        "integrity": {"look_ahead": {}, "dropped_signals": {}, "imbalance": {}},
    }
