"""Does the cache of a notebook's engine pay?

`run_backtest` on 20 symbols x 756 bars, sma_cross: with an empty cache, and again with what the
first pass left in it. Judged is the time inside the engine: that of a pass less that of fetching
the same bars from the provider and making histories of them, which both passes have to do. As the
baseline, `joblib.Memory`, which hashes the histories and keeps results on disk, does both.
"""

import asyncio
import sys
import tempfile
from collections.abc import Callable

import pandas as pd
from joblib import Memory

from benchmarks.benchmark import Benchmark, Options, main
from benchmarks.harness import Timings, interleave
from benchmarks.report import Report, Table, Verdict
from benchmarks.universe import WINDOW, universe
from engine.backtest import VectorBTEngine
from engine.data_provider import fetch_history
from strategies.sma_cross import SmaCross

_AIM = 10.0
FETCH, COMPUTED, KNOWN, JOBLIB = "fetch only", "empty cache", "known", "joblib.Memory, known"


class _Provider:
    """Has its frames in memory: what is left is the engine's."""

    def __init__(self, symbols: int, bars: int) -> None:
        self.frames = {
            one.symbol: pd.DataFrame(
                {name: getattr(one.bars, name) for name in one.bars.__dataclass_fields__},
                pd.DatetimeIndex(one.dates),
            )
            for one in universe(symbols, bars)
        }

    async def get_stock_data(
        self,
        symbol: str,
        start_date: object,  # noqa: ARG002 - the interface
        end_date: object,  # noqa: ARG002
        interval: str,  # noqa: ARG002
    ) -> pd.DataFrame:
        return self.frames[symbol]


def run(options: Options) -> Report:
    """Compare a pass that finds its results with one that computes them."""
    symbols, bars = (3, 252) if options.quick else (20, 756)
    with asyncio.Runner() as runner, tempfile.TemporaryDirectory() as folder:
        passes = _build_passes(_Provider(symbols, bars), runner, folder)
        timings = interleave("notebook_cache", passes, options.rounds)
    inside = Timings(
        {
            name: [
                max(own - fetched, 1e-9)
                for own, fetched in zip(seconds, timings.seconds[FETCH], strict=True)
            ]
            for name, seconds in timings.seconds.items()
            if name in {COMPUTED, KNOWN}
        }
    )
    verdict = Verdict(
        f"Speed of known results inside the engine, times computing them ({symbols} x {bars})",
        inside.times_as_fast(KNOWN, COMPUTED),
        "at least",
        options.limits["times_computed"],
        "x",
        aim=_AIM,
    )
    rows = [
        [
            name,
            f"{timings.median(name) / symbols * 1e6:,.0f}",
            f"{inside.median(name) / symbols * 1e6:,.0f}" if name in inside.seconds else "",
            f"{timings.times_as_fast(name, COMPUTED):.1f}",
        ]
        for name in (COMPUTED, KNOWN, JOBLIB, FETCH)
    ]
    columns = ["Pass", "us per backtest", "us inside the engine", "times empty cache"]
    return Report([verdict], [Table(f"{symbols} symbols x {bars} bars", columns, rows)])


def _build_passes(
    provider: _Provider, runner: asyncio.Runner, folder: str
) -> dict[str, Callable[[], object]]:
    days = WINDOW.start.isoformat(), WINDOW.end.isoformat()
    known: dict[str, bytes] = {}
    memory = Memory(folder, verbose=0)
    engine = VectorBTEngine()

    @memory.cache
    def compute(history: object) -> object:
        (result,) = engine.run_batch([history], SmaCross(), WINDOW).results  # pyright: ignore[reportArgumentType]
        return result.as_dict()

    async def backtest(entries: dict[str, bytes]) -> None:
        front = VectorBTEngine(data_provider=provider, cache=entries)  # pyright: ignore[reportArgumentType]
        for symbol in provider.frames:
            await front.run_backtest(symbol, "sma_cross", None, *days)

    async def fetch() -> list[object]:
        return [await fetch_history(provider, symbol, *days) for symbol in provider.frames]  # pyright: ignore[reportArgumentType]

    async def remember() -> list[object]:
        return [compute(history) for history in await fetch()]

    runner.run(backtest(known))
    return {
        FETCH: lambda: runner.run(fetch()),
        COMPUTED: lambda: runner.run(backtest({})),
        KNOWN: lambda: runner.run(backtest(known)),
        JOBLIB: lambda: runner.run(remember()),
    }


BENCHMARK = Benchmark("notebook_cache", __doc__ or "", {"times_computed": 6.0}, run)

if __name__ == "__main__":
    sys.exit(main(BENCHMARK))
