# /// script
# requires-python = ">=3.11"
# dependencies = ["lib-pybroker==2.0.2"]
# ///
"""The work of the benchmark `peers` in pybroker: one symbol after the other."""

import json
import sys
import time
import warnings
from typing import Any

import numpy as np
import pandas as pd
import pybroker

warnings.simplefilter("ignore")
pybroker.disable_logging()
pybroker.disable_progress_bar()

NAMES = ("open", "high", "low", "close", "volume")


def average(data: Any, bars: int) -> Any:
    return pd.Series(data.close).rolling(bars).mean().to_numpy()


fast = pybroker.indicator("fast", average, bars=10)
slow = pybroker.indicator("slow", average, bars=20)


def cross(context: Any) -> None:
    above = context.indicator("fast") > context.indicator("slow")
    if len(above) < 2:
        return
    if above[-1] and not above[-2] and not context.long_pos():
        context.buy_shares = context.calc_target_shares(1)
    elif above[-2] and not above[-1] and context.long_pos():
        context.sell_all_shares()


def run(frame: pd.DataFrame) -> int:
    config = pybroker.StrategyConfig(
        initial_cash=10_000, fee_mode=pybroker.FeeMode.ORDER_PERCENT, fee_amount=0.1
    )
    first, last = frame["date"].iloc[0], frame["date"].iloc[-1]
    strategy = pybroker.Strategy(frame, first, last, config)
    strategy.add_execution(cross, ["symbol"], indicators=[fast, slow])
    done = strategy.backtest(calc_bootstrap=False)
    return done.metrics.trade_count


bars = np.load(sys.argv[1])
frames = [
    pd.DataFrame(
        {"symbol": "symbol", "date": pd.DatetimeIndex(bars["dates"])}
        | {name: bars[name][row] for name in NAMES}
    )
    for row in range(bars["close"].shape[0])
]
run(frames[0])  # compiles
begun, trades = time.process_time(), 0
for frame in frames:
    trades += run(frame)
seconds = time.process_time() - begun
print(json.dumps({"backtests": len(frames), "seconds": seconds, "trades": trades}))
