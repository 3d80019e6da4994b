# /// script
# requires-python = ">=3.11"
# dependencies = ["backtesting==0.6.6"]
# ///
"""The work of the benchmark `peers` in backtesting.py: one symbol after the other."""

import json
import sys
import time
import warnings
from typing import Any

import numpy as np
import pandas as pd
from backtesting import Backtest, Strategy
from backtesting.lib import crossover

warnings.simplefilter("ignore")


def average(values: Any, bars: int) -> Any:
    return pd.Series(values).rolling(bars).mean()


class Cross(Strategy):
    def init(self) -> None:
        self.fast = self.I(average, self.data.Close, 10)
        self.slow = self.I(average, self.data.Close, 20)

    def next(self) -> None:
        if crossover(self.fast, self.slow):
            self.buy()
        elif crossover(self.slow, self.fast):
            self.position.close()


bars = np.load(sys.argv[1])
names = ("open", "high", "low", "close", "volume")
frames = [
    pd.DataFrame(
        {name.capitalize(): bars[name][row] for name in names}, pd.DatetimeIndex(bars["dates"])
    )
    for row in range(bars["close"].shape[0])
]
begun, trades = time.process_time(), 0
for frame in frames:
    stats = Backtest(frame, Cross, cash=10_000, commission=0.001, finalize_trades=True).run()
    trades += int(stats["# Trades"])
seconds = time.process_time() - begun
print(json.dumps({"backtests": len(frames), "seconds": seconds, "trades": trades}))
