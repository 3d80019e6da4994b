"""A ragged pool of symbols with all strategies and some settings, and the bits of their results.

As a program it prints a digest of all results, by which a test compares processes.
"""

import hashlib
from datetime import date

from engine.backtest import VectorBTEngine
from engine.equal_weight import EqualWeight
from engine.results import BacktestResult
from engine.settings import BacktestSettings, Window
from strategies.registry import registered_strategies
from tests.bars import random_history

# Ragged on purpose: a symbol too short to trade, symbols that start or end inside the window,
# pairs of equal length, and one longer than the window.
POOL = [
    random_history(f"S{seed}", length, seed)
    for seed, length in enumerate([1, 2, 40, 15, 400, 40, 120, 333, 400, 777])
]
WINDOW = Window(date(2021, 2, 1), date(2022, 9, 1))
STRATEGIES = [strategy() for strategy in registered_strategies().values()]
UNIVERSE = EqualWeight.of(POOL, WINDOW)
SETTINGS = [
    BacktestSettings(),
    BacktestSettings(direction="both", execution="same_close"),
    BacktestSettings(direction="both", stop_loss=0.04, trailing_stop=0.06, take_profit=0.08),
]
BUDGETS = [1, 100_000, 1_000_000, 32_000_000, 10**12]


def bits_of(result: BacktestResult) -> tuple[bytes, bytes, str]:
    """Return all fields of a result as bytes and text."""
    return (
        result.equity.tobytes(),
        result.trades.tobytes(),
        repr((result.metrics, result.undefined)),
    )


def digest() -> str:
    """Return a hash of the results of all symbols, strategies and settings."""
    outcomes = [
        VectorBTEngine(settings).run_batch(POOL, STRATEGIES, WINDOW, UNIVERSE)
        for settings in SETTINGS
    ]
    bits = [bits_of(result) for outcome in outcomes for result in outcome.results]
    return hashlib.sha256(repr((UNIVERSE.version, bits)).encode()).hexdigest()


if __name__ == "__main__":
    print(digest())  # noqa: T201 - the output of the program
