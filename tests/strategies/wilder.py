"""Wilder's relative strength index as a loop: it shares no code with TA-Lib."""

from typing import Any

import numpy as np
import pandas as pd


def wilder_rsi(close: Any, period: int) -> Any:
    """Return the index from 0 to 100 of a pandas Series of closes, NaN before bar `period`."""
    change = close.diff().to_numpy()
    gain, loss = np.maximum(change, 0), np.maximum(-change, 0)
    out = np.full(len(close), np.nan)
    up, down = gain[1 : period + 1].mean(), loss[1 : period + 1].mean()
    for bar in range(period, len(close)):
        if bar > period:
            up = (up * (period - 1) + gain[bar]) / period
            down = (down * (period - 1) + loss[bar]) / period
        out[bar] = 100 * up / (up + down)
    return pd.Series(out)
