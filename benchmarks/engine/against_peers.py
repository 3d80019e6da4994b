"""How many backtests does a second of the processor buy, here and elsewhere?

Moving averages of 10 and 20 days that cross, all in or out at the next bar, 0.1 % fees, over 756
daily bars of each symbol, and the statistics that the library has; each written as its own
documentation shows. Counted is the processor's time from bars in memory to statistics, without
imports and compilation. Trades per symbol are shown because libraries differ in details: with whole
shares, in what they do on the last bar, and bt trades at the close. By more than a tenth they may
not differ.

vectorbt gets all symbols in one call, and the engine too; the others know one symbol at a time.
What is not locked here gets an environment of its own from uv, and needs the network the first
time. zipline-reloaded is left out: it reads bars from a bundle on disk only.
"""

import json
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

from benchmarks.benchmark import Benchmark, Options, main
from benchmarks.harness import CONSOLE, seconds_of
from benchmarks.report import Report, Table, Verdict
from benchmarks.universe import WINDOW, universe
from benchmarks.vectorbt_portfolio import DisagreementError
from engine.backtest import VectorBTEngine
from engine.history import History
from engine.settings import BacktestSettings
from strategies.sma_cross import SmaCross

OWN, VECTORBT = "Gauntlet", "vectorbt, with stats"
PEERS = {
    "backtesting.py": ("backtesting_py", 20),
    "pybroker": ("pybroker_py", 20),
    "NautilusTrader": ("nautilus_py", 10),
    "bt": ("bt_py", 10),
}
"""The script of each, and how many symbols it is given: enough for a second or two."""

_ROOT = Path(__file__).parents[2]
_UV = _ROOT / ".tools/uv/bin/uv"
_SCRIPTS = Path(__file__).parent / "peers"
_MOST_ROUNDS = 3
_PATIENCE_SECONDS = 1800

_ALIKE = 0.1
"""By how much the trades of two libraries may differ: in details, not in what they were told."""


@dataclass(frozen=True)
class Seen:
    """What one round of a contender took, in seconds of the processor."""

    backtests: int
    seconds: float
    trades: int


def run(options: Options) -> Report:
    """Run all of them in turn, and compare the engine with the fastest of the others."""
    symbols, bars = (10, 252) if options.quick else (100, 756)
    histories = universe(symbols, bars)
    names = list(PEERS)[: 1 if options.quick else None]
    seen: dict[str, list[Seen]] = {}
    missing: dict[str, str] = {}
    with tempfile.TemporaryDirectory(prefix="gauntlet-benchmark-") as folder:
        for number in range(min(options.rounds, _MOST_ROUNDS)):
            CONSOLE.print(f"round {number + 1}", style="dim")
            seen.setdefault(OWN, []).append(_own(histories))
            seen.setdefault(VECTORBT, []).append(_vectorbt(histories))
            for name in [one for one in names if one not in missing]:
                script, count = PEERS[name]
                try:
                    answer = _run_script(script, Path(folder), histories[:count])
                except subprocess.CalledProcessError as error:
                    missing[name] = error.stderr.strip().splitlines()[-1]
                else:
                    _require_alike(name, answer, _own(histories[:count]))
                    seen.setdefault(name, []).append(answer)
    rates = {
        name: median(one.backtests / one.seconds for one in rounds) for name, rounds in seen.items()
    }
    fastest = max((name for name in rates if name != OWN), key=lambda name: rates[name])
    what = f"Backtests per second of the processor, times those of {fastest}"
    limit = options.limits["times_fastest"]
    verdict = Verdict(what, rates[OWN] / rates[fastest], "at least", limit, "x")
    remarks = [f"{name} could not be measured: {reason}" for name, reason in missing.items()]
    return Report([verdict], [_table(symbols, bars, seen, rates)], remarks=remarks)


def _require_alike(name: str, theirs: Seen, own: Seen) -> None:
    """Raise unless a library made about as many trades."""
    if abs(theirs.trades - own.trades) > _ALIKE * own.trades:
        raise DisagreementError(f"{name} made {theirs.trades} trades, Gauntlet {own.trades}.")


def _own(histories: Sequence[History]) -> Seen:
    trades = 0

    def every() -> None:
        nonlocal trades
        results = VectorBTEngine().run_batch(list(histories), SmaCross(), WINDOW).results
        trades = sum(len(one.trades) for one in results if one.metrics)

    every()
    return Seen(len(histories), seconds_of(every), trades)


def _vectorbt(histories: Sequence[History]) -> Seen:
    import pandas as pd
    import vectorbt as vbt

    index = pd.DatetimeIndex(histories[0].dates)
    opening, close = (
        pd.DataFrame({one.symbol: getattr(one.bars, name) for one in histories}, index)
        for name in ("open", "close")
    )
    settings, trades = BacktestSettings(), 0

    def every() -> None:
        nonlocal trades
        fast: Any = vbt.MA.run(close, 10)
        slow: Any = vbt.MA.run(close, 20)
        portfolio: Any = vbt.Portfolio.from_signals(
            close,
            fast.ma_crossed_above(slow).vbt.signals.fshift(1),
            fast.ma_crossed_below(slow).vbt.signals.fshift(1),
            price=opening.to_numpy(),
            fees=settings.fees,
            slippage=settings.slippage,
            init_cash=settings.initial_capital,
            freq="1D",
        )
        trades = int(portfolio.stats(agg_func=None)["Total Trades"].sum())

    every()
    return Seen(len(histories), seconds_of(every), trades)


def _run_script(script: str, folder: Path, histories: Sequence[History]) -> Seen:
    """Run a script in its own environment, on bars in a file; bytecode and packages are cached."""
    bars = folder / f"{len(histories)}.npz"
    if not bars.exists():
        names = ("open", "high", "low", "close", "volume")
        columns = {name: np.stack([getattr(o.bars, name) for o in histories]) for name in names}
        np.savez(bars, allow_pickle=False, dates=histories[0].dates, **columns)
    command = [_UV, "run", "--no-project", "--quiet", "--python", sys.executable, "--script"]
    done = subprocess.run(
        [*command, _SCRIPTS / f"{script}.py", bars],
        capture_output=True,
        text=True,
        check=True,
        timeout=_PATIENCE_SECONDS,
    )
    return Seen(**json.loads(done.stdout.splitlines()[-1]))


def _table(symbols: int, bars: int, seen: dict[str, list[Seen]], rates: dict[str, float]) -> Table:
    rows = [
        [
            name,
            f"{rate:,.0f}" if rate >= 1 else f"{rate:.2g}",
            f"{1e3 / rate:,.2f}",
            f"{rates[OWN] / rate:,.1f}",
            f"{seen[name][0].trades / seen[name][0].backtests:.1f}",
        ]
        for name, rate in sorted(rates.items(), key=lambda one: -one[1])
    ]
    columns = ["Library", "backtests/s", "ms per backtest", "Gauntlet, times", "trades per symbol"]
    return Table(f"sma_cross, {symbols} symbols x {bars} bars", columns, rows)


BENCHMARK = Benchmark("against_peers", __doc__ or "", {"times_fastest": 4.0}, run)

if __name__ == "__main__":
    sys.exit(main(BENCHMARK))
