# /// script
# requires-python = ">=3.11"
# dependencies = ["bt==1.4.1"]
# ///
"""The work of the benchmark `peers` in bt: one symbol after the other."""

import json
import sys
import time
import warnings

import bt
import numpy as np
import pandas as pd

warnings.simplefilter("ignore")

bars = np.load(sys.argv[1])
closes = [pd.DataFrame({"symbol": row}, pd.DatetimeIndex(bars["dates"])) for row in bars["close"]]
begun, trades = time.process_time(), 0
for close in closes:
    target = (close.rolling(10).mean() > close.rolling(20).mean()).astype(float)
    strategy = bt.Strategy("cross", [bt.algos.WeighTarget(target), bt.algos.Rebalance()])
    test = bt.Backtest(
        strategy,
        close,
        initial_capital=10_000,
        commissions=lambda quantity, price: abs(quantity) * price * 0.001,
        progress_bar=False,
    )
    done = bt.run(test)
    _ = done.stats
    trades += int((target["symbol"].diff() > 0).sum())
seconds = time.process_time() - begun
print(json.dumps({"backtests": len(closes), "seconds": seconds, "trades": trades}))
