"""A ragged pool of symbols, all strategies and some terms, and everything that results say.

Run by itself it prints a digest of it all, for a test to compare processes by.
"""

import hashlib
from datetime import date

from engine.backtest import VectorBTEngine
from engine.equal_weight import EqualWeight
from engine.results import BacktestResult
from engine.settings import BacktestSettings, Window
from strategies.registry import registered_strategies
from tests.bars import random_history

# Ragged on purpose: a symbol too short to trade, ones that start or end inside the window, twins
# of one length with others between them, and one longer than the window.
POOL = [
    random_history(f"S{seed}", length, seed)
    for seed, length in enumerate([1, 2, 40, 15, 400, 40, 120, 333, 400, 777])
]
WINDOW = Window(date(2021, 2, 1), date(2022, 9, 1))
STRATEGIES = [strategy() for strategy in registered_strategies().values()]
UNIVERSE = EqualWeight.of(POOL, WINDOW)
TERMS = [
    BacktestSettings(),
    BacktestSettings(direction="both", execution="same_close"),
    BacktestSettings(direction="both", stop_loss=0.04, trailing_stop=0.06, take_profit=0.08),
]
BUDGETS = [1, 100_000, 1_000_000, 32_000_000, 10**12]


def bits_of(result: BacktestResult) -> tuple[bytes, bytes, str]:
    """Return everything that a result says."""
    return (
        result.equity.tobytes(),
        result.trades.tobytes(),
        repr((result.metrics, result.undefined)),
    )


def digest() -> str:
    """Return a fingerprint of every result of the pool under all strategies, on all terms."""
    outcomes = [
        VectorBTEngine(terms).run_batch(POOL, STRATEGIES, WINDOW, UNIVERSE) for terms in TERMS
    ]
    bits = [bits_of(result) for outcome in outcomes for result in outcome.results]
    return hashlib.sha256(repr((UNIVERSE.version, bits)).encode()).hexdigest()


if __name__ == "__main__":
    print(digest())  # noqa: T201 - that is what it is run for
