"""Fits are made once per content of the bars, and only where they are meant to be."""

import numpy as np
import pytest

from engine.backtest import VectorBTEngine
from engine.settings import BacktestSettings
from strategies import fit_cache as module
from strategies.base import Bars, Floats
from strategies.fit_cache import cached_fit, fit_cache, no_fit_cache
from strategies.indicator_cache import indicator_cache
from strategies.registry import get_strategy
from tests.bars import random_bars, random_history
from tests.research.audit.test_backtest_audit import WINDOW
from tests.strategies.learning import LEARNING

MADE: list[int] = []
CLOSE = random_bars(100).close


@cached_fit
def _fit(close: Floats, period: int) -> Floats:
    MADE.append(period)
    return close * period


@pytest.fixture(autouse=True)
def _none_made() -> None:
    MADE.clear()


def test_equal_bars_are_fitted_once():
    with fit_cache():
        first = _fit(CLOSE, 3)
        assert _fit(CLOSE.copy(), 3) is first
    assert MADE == [3]


def test_other_bars_and_other_parameters_are_fitted_again():
    changed = CLOSE.copy()
    changed[50] = np.nextafter(changed[50], 0.0)
    with fit_cache():
        for given in (CLOSE, changed, CLOSE[:99], CLOSE.reshape(50, 2)):
            np.testing.assert_array_equal(_fit(given, 3), given * 3)
        np.testing.assert_array_equal(_fit(CLOSE, 4), CLOSE * 4)
        np.testing.assert_array_equal(_fit(CLOSE, 4.0), CLOSE * 4)  # pyright: ignore[reportArgumentType]
    assert len(MADE) == 6


def test_a_fit_outlives_the_cache_of_a_symbol():
    given = CLOSE.copy()
    given.setflags(write=False)
    with fit_cache():
        for _ in range(2):
            with indicator_cache():
                _fit(given, 3)
    assert MADE == [3]


def test_without_a_cache_every_call_fits():
    _fit(CLOSE, 3)
    with fit_cache():
        _fit(CLOSE, 3)
        with no_fit_cache():
            _fit(CLOSE, 3)
        _fit(CLOSE, 3)
    _fit(CLOSE, 3)
    assert len(MADE) == 4


def test_a_kept_fit_can_not_be_written_to():
    with fit_cache(), pytest.raises(ValueError, match="read-only"):
        _fit(CLOSE, 3)[0] = 1.0


def test_a_full_cache_keeps_what_came_first(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(module, "MOST_BYTES", 2 * CLOSE.nbytes)
    with fit_cache():
        for period in (1, 2, 3, 3, 2, 1):
            np.testing.assert_array_equal(_fit(CLOSE, period), CLOSE * period)
    assert MADE == [1, 2, 3, 3]


@pytest.mark.parametrize("name", LEARNING)
def test_what_learns_earns_the_same_with_kept_fits(name: str):
    engine, strategy = VectorBTEngine(BacktestSettings()), get_strategy(name)()
    histories = [random_history(f"S{seed}", 700, seed) for seed in range(3)]

    def run() -> list[Floats]:
        return [one.trades for one in engine.run_batch(histories, strategy, WINDOW).results]

    alone = run()
    with fit_cache():
        first, again = run(), run()
    for one, other in [*zip(alone, first, strict=True), *zip(alone, again, strict=True)]:
        assert one.tobytes() == other.tobytes()


@pytest.mark.parametrize("name", LEARNING)
def test_what_learns_learns_once_in_a_cache(name: str):
    strategy, bars = get_strategy(name)(), random_history("S", 700, 1).bars
    copied = Bars(*(getattr(bars, field).copy() for field in Bars.__dataclass_fields__))
    with fit_cache() as cache:
        strategy.signals(bars)
        kept = dict(cache.known)
        strategy.signals(copied)
        assert kept
        assert cache.known.keys() == kept.keys()
