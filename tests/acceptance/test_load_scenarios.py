"""The six load scenarios that Gauntlet was asked to stand, with the calls of a notebook.

Limits are those of `docs/checks.md`, which every run of the pipeline is held to as well. Times are
CPU seconds of this process: a busy machine changes them little.
"""

import asyncio
import time
from collections.abc import Coroutine, Iterable, Iterator
from pathlib import Path
from typing import Any
from unittest.mock import Mock
from zlib import crc32

import numpy as np
import pandas as pd
import psutil
import pytest
import sqlalchemy as sa
from sqlalchemy.orm import Session

from engine.backtest import VectorBTEngine
from resources.config.thresholds import Thresholds
from resources.result_store.connection import create_engine_for, parse_url
from resources.result_store.manager import BacktestPersistenceManager
from resources.universe import load_universe
from strategies.registry import STRATEGY_TEMPLATES

LIMITS = Thresholds()
SYMBOLS = load_universe(Path(__file__).parents[2] / "universe.csv").symbols[:100]
STRATEGIES = ("sma_cross", "rsi", "macd", "bollinger", "momentum")
PARAMETERS = STRATEGY_TEMPLATES["sma_cross"]["parameters"]
MEGABYTE = 1_000_000


def _generate(symbol: str) -> pd.DataFrame:
    """Return seven years of business days that depend on the symbol alone."""
    rng = np.random.default_rng(crc32(symbol.encode()))
    dates = pd.bdate_range("2018-01-01", "2024-12-31")
    cycle = np.sin(np.arange(len(dates)) / 252 * 2 * np.pi) * 0.001
    close = rng.uniform(50, 250) * np.cumprod(1 + rng.normal(0.0005, 0.02, len(dates)) + cycle)
    opening = close * rng.uniform(0.995, 1.005, len(dates))
    hair = rng.uniform(1 - 1e-7, 1 + 1e-7, (2, len(dates)))
    return pd.DataFrame(
        {
            "Open": opening,
            "High": np.maximum(opening, close) * hair[0],
            "Low": np.minimum(opening, close) * hair[1],
            "Close": close,
            "Volume": rng.integers(100_000, 10_000_000, len(dates)),
            "Adj Close": close,
        },
        index=dates,
    )


@pytest.fixture
def provider() -> Mock:
    provider = Mock()
    provider.get_stock_data.side_effect = lambda symbol, **_: _generate(symbol)
    return provider


@pytest.fixture
def session(database: str) -> Iterator[Session]:
    engine = create_engine_for(parse_url(database))
    with Session(engine) as session:
        yield session
    engine.dispose()


def _gather(calls: Iterable[Coroutine[Any, Any, Any]], at_once: int = 20) -> list[Any]:
    """Run calls, so many at once; one that fails is its exception."""

    async def run() -> list[Any]:
        slots = asyncio.Semaphore(at_once)

        async def wait(call: Coroutine[Any, Any, Any]) -> Any:
            async with slots:
                return await call

        return await asyncio.gather(*map(wait, calls), return_exceptions=True)

    return asyncio.run(run())


def _share_of_results(results: Iterable[Any]) -> float:
    return float(np.mean([isinstance(result, dict) for result in results]))


def _resident_megabytes() -> float:
    return psutil.Process().memory_info().rss / MEGABYTE


def test_large_symbol_set(provider: Mock):
    engine = VectorBTEngine(data_provider=provider)
    before, began = _resident_megabytes(), time.process_time()
    results: list[Any] = []
    for first in range(0, len(SYMBOLS), 20):
        results += _gather(
            engine.run_backtest(
                symbol=symbol,
                strategy_type="sma_cross",
                parameters=PARAMETERS,
                start_date="2022-01-01",
                end_date="2023-12-31",
            )
            for symbol in SYMBOLS[first : first + 20]
        )
    assert len(SYMBOLS) == 100
    assert _share_of_results(results) == 1.0 >= LIMITS.success_rate
    assert [result["symbol"] for result in results] == list(SYMBOLS)
    assert {len(result["equity_curve"]) for result in results} == {520}
    assert time.process_time() - began < LIMITS.wall_seconds
    assert _resident_megabytes() - before < LIMITS.memory_growth_mb


def test_multi_year_historical_data(provider: Mock):
    engine = VectorBTEngine(data_provider=provider)
    periods = {1: ("2023-01-01", 260), 2: ("2022-01-01", 520), 3: ("2021-01-01", 781)}
    periods[5] = ("2019-01-01", 1304)
    times: dict[int, list[float]] = {years: [] for years in periods}
    for _ in range(3):
        for years, (start, bars) in periods.items():
            began = time.process_time()
            results = _gather(
                engine.run_backtest(symbol, "sma_cross", PARAMETERS, start, "2023-12-31")
                for symbol in ("AAPL", "GOOGL", "MSFT", "AMZN", "TSLA")
            )
            times[years].append(time.process_time() - began)
            assert [len(result["equity_curve"]) for result in results] == [bars] * 5
    assert min(times[3]) / min(times[1]) < LIMITS.scaling_ratio


def test_concurrent_users(provider: Mock):
    rng = np.random.default_rng(7)
    users = [
        (rng.choice(SYMBOLS[:50], 5, replace=False).tolist(), str(rng.choice(STRATEGIES)))
        for _ in range(20)
    ]

    async def visit(symbols: list[str], strategy: str) -> list[Any]:
        engine = VectorBTEngine(data_provider=provider)
        parameters = STRATEGY_TEMPLATES[strategy]["parameters"]
        return [
            await engine.run_backtest(symbol, strategy, parameters, "2022-01-01", "2023-12-31")
            for symbol in symbols
        ]

    began = time.process_time()
    sessions = _gather((visit(*user) for user in users), at_once=10)
    assert time.process_time() - began < LIMITS.concurrent_requests_seconds
    answered = [
        [(result["symbol"], result["strategy"]) for result in one]
        for one in sessions
        if isinstance(one, list)
    ]
    assert answered == [[(symbol, strategy) for symbol in symbols] for symbols, strategy in users]
    for (symbols, strategy), results in zip(users, sessions, strict=True):
        alone = VectorBTEngine(data_provider=provider).run_backtest(
            symbols[0], strategy, None, "2022-01-01", "2023-12-31"
        )
        assert results[0]["metrics"] == asyncio.run(alone)["metrics"]


def test_database_under_load(provider: Mock, session: Session):
    engine = VectorBTEngine(data_provider=provider)
    results = _gather(
        engine.run_backtest(symbol, "sma_cross", PARAMETERS, "2023-01-01", "2023-12-31")
        for symbol in SYMBOLS[:30]
    )
    began = time.process_time()
    with BacktestPersistenceManager(session=session) as store:
        saved = [
            store.save_backtest_result(
                vectorbt_results=result, execution_time=2.0, notes=f"load of {result['symbol']}"
            )
            for result in results
        ]
        retrieved = [store.get_backtest_by_id(one) for one in saved]
        of_strategy = store.get_backtests_by_strategy("sma_cross")
    assert time.process_time() - began < LIMITS.database_seconds
    assert len(set(saved)) == len(results) == 30
    for result, found in zip(results, retrieved, strict=True):
        assert found is not None
        assert {name: found[name] for name in result["metrics"]} == result["metrics"]
        assert len(found["trades"]) == len(result["trades"])
        assert found["notes"] == f"load of {result['symbol']}"
    assert {row["id"] for row in of_strategy} == set(saved)
    assert session.scalar(sa.text("SELECT count(*) FROM backtests")) == 30


def test_memory_management(provider: Mock):
    engine = VectorBTEngine(data_provider=provider)
    growth: list[float] = []
    before = _resident_megabytes()
    for symbol in SYMBOLS[:25]:
        for strategy in STRATEGIES:
            parameters = STRATEGY_TEMPLATES[strategy]["parameters"]
            call = engine.run_backtest(symbol, strategy, parameters, "2021-01-01", "2023-12-31")
            assert len(asyncio.run(call)["equity_curve"]) == 781
            growth.append(_resident_megabytes() - before)
    assert growth[-1] < LIMITS.memory_growth_many_mb
    assert max(growth) < LIMITS.memory_peak_mb
    slope = np.polynomial.Polynomial.fit(np.arange(125), growth, 1).convert().coef[1]
    assert slope < LIMITS.memory_slope_mb


def test_cache_efficiency(provider: Mock):
    engine = VectorBTEngine(data_provider=provider, cache={})
    passes: list[tuple[list[Any], tuple[int, int]]] = []
    for parameters in (PARAMETERS, PARAMETERS, {**PARAMETERS, "fast_period": 15}):
        results = _gather(
            engine.run_backtest(symbol, "sma_cross", parameters, "2023-01-01", "2023-12-31")
            for symbol in SYMBOLS[:20]
        )
        assert engine.cache is not None
        passes.append((results, (engine.cache.stats.hits, engine.cache.stats.misses)))
    assert [counted for _, counted in passes] == [(0, 20), (20, 20), (20, 40)]
    first, second, third = ([result["metrics"] for result in results] for results, _ in passes)
    assert first == second
    assert first != third
