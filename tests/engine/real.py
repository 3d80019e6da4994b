"""Real daily bars of five symbols, read and adjusted by pandas, without product code."""

from importlib.resources import files

import pandas as pd

from engine.history import History
from engine.settings import Window
from strategies.base import Bars

SYMBOLS = ["AAPL", "FB", "GOOG", "IBM", "MSFT"]


def _real_bars() -> dict[str, pd.DataFrame]:
    with files("bokeh_sampledata").joinpath("_data/stocks.csv.gz").open("rb") as packed:
        table = pd.read_csv(packed, compression="gzip", parse_dates=["Date"], index_col="Date")
    factor = table["Adj Close"] / table["Close"]
    for column in ("Open", "High", "Low", "Close"):
        table[column] *= factor
    return {str(symbol): rows for symbol, rows in table.groupby("Ticker")}


REAL = _real_bars()
WINDOW = Window(REAL["AAPL"].index[0].date(), REAL["AAPL"].index[-1].date())


def real_history(symbol: str) -> History:
    """Return a symbol's adjusted bars from 2000 (FB: 2012, GOOG: 2004) to 2013."""
    rows = REAL[symbol]
    columns = (rows[name].to_numpy(float) for name in ("Open", "High", "Low", "Close", "Volume"))
    return History(symbol, rows.index.to_numpy().astype("datetime64[D]"), Bars(*columns))
