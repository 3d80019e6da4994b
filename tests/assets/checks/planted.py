"""Strategies with planted faults, and runs of them."""

import gc
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, ClassVar

import dagster as dg
import numpy as np
import pytest

from pipelines import definitions
from strategies.base import Bars, Signals, Strategy
from tests.project import SYMBOLS, Project
from tests.strategies.look_ahead import NextClose

TWELVE = (SYMBOLS[0], SYMBOLS[11])


@dataclass(frozen=True)
class _Planted(Strategy):
    @property
    def lookback_bars(self) -> int:
        return 1


class Hoarding(_Planted):
    """Leaks eight megabytes per symbol."""

    name = "hoarding"
    kept: ClassVar[list[np.ndarray]] = []

    def signals(self, bars: Bars) -> Signals:
        self.kept.append(np.ones(1_000_000))
        return Signals(bars.close > bars.open, bars.close < bars.open)


class HoardingToo(Hoarding):
    """Leaks the same amount, in the same list."""

    name = "hoarding_too"


class Spiking(_Planted):
    """Needs 1,600 megabytes temporarily, once."""

    name = "spiking"
    first_time: ClassVar[bool] = True

    def signals(self, bars: Bars) -> Signals:
        needed = np.ones(200_000_000 if self.first_time else 1)
        type(self).first_time = False
        return Signals((bars.close > bars.open) & (needed[0] > 0), bars.close < bars.open)


class Slow(_Planted):
    """Takes a tenth of a second per symbol, whatever the number of bars."""

    name = "slow"

    def signals(self, bars: Bars) -> Signals:
        time.sleep(0.1)
        return Signals(bars.close > bars.open, bars.close < bars.open)


class Quadratic(_Planted):
    """Takes time quadratic in the number of bars, and so much that all else does not count."""

    name = "quadratic"

    def signals(self, bars: Bars) -> Signals:
        work = [float(np.sin(np.add.outer(bars.close, bars.close)).max()) for _ in range(8)]
        up = bars.close > bars.open
        return Signals(up & (min(work) > 0.0), ~up)


class Peeking(NextClose):
    """Buys before a rise, knowing the next close."""

    name = "peeking"


def get_failed_checks(project: Project, result: dg.ExecuteInProcessResult) -> dict[str, Any]:
    """Return the checks that failed, by name; each must have guidance.

    That of the leaderboard is left out: these runs are of a part of the universe.
    """
    failed = {
        name: check
        for (asset, name), check in project.checks(result).items()
        if asset != "leaderboard" and not check.passed
    }
    assert all(check.metadata["guidance"].value for check in failed.values())
    return failed


@contextmanager
def registered(monkeypatch: pytest.MonkeyPatch, *strategies: type[Strategy]) -> Iterator[None]:
    """Register only these strategies in the definitions."""
    known = {strategy.name: strategy for strategy in strategies}
    with monkeypatch.context() as patch:
        patch.setattr(definitions, "registered_strategies", lambda: known)
        yield


def run_planted(
    project: Project,
    monkeypatch: pytest.MonkeyPatch,
    *strategies: type[Strategy],
    **thresholds: float,
) -> dg.ExecuteInProcessResult:
    config = {"resources": {"thresholds": {"config": thresholds}}} if thresholds else {}
    with registered(monkeypatch, *strategies):
        # What earlier tests left must not be released while the memory of this run is measured.
        gc.collect()
        return project.run(TWELVE, selection=["*"], run_config=config)
