"""Files of real kinds, from the file to the stored row: values that were computed independently.

Each universe is generated as its public report describes it; the expected values were computed by
hand from the same files, with pandas.
"""

from datetime import date
from typing import Any

import numpy as np
import pandas as pd
import pytest

from resources.trading_calendar import get_calendar
from tests.project import Project

THREE_YEARS = {
    "resources": {"run_settings": {"config": {"start": "2021-01-01", "end": "2023-12-31"}}}
}
SELECTION = ["prices", "backtests/sma_cross", "backtest_summaries"]
PRICES = ["Open", "High", "Low", "Close"]


def _sessions(last: date = date(2023, 12, 29)) -> pd.DatetimeIndex:
    return pd.DatetimeIndex(get_calendar().sessions(date(2020, 1, 2), last), name="Date")


def _walk(
    days: pd.DatetimeIndex,
    price: float,
    volatility: float = 0.012,
    drift: float = 0.0,
    *,
    seed: int,
    volume: float = 1e6,
) -> pd.DataFrame:
    """Return bars of a random walk: an overnight gap, a range, and volume without memory."""
    rng, count = np.random.default_rng(seed), len(days)
    close = price * np.exp(np.cumsum(rng.normal(drift, volatility, count)))
    before = np.concatenate([[price], close[:-1]])
    opens = before * np.exp(rng.normal(0, volatility / 3, count))
    wick = [np.exp(np.abs(rng.normal(0, volatility / 3, count))) for _ in range(2)]
    traded = np.round(volume * np.exp(rng.normal(0, 0.4, count)))
    return pd.DataFrame(
        {
            "Open": opens,
            "High": np.maximum(opens, close) * wick[0],
            "Low": np.minimum(opens, close) / wick[1],
            "Close": close,
            "Volume": traded,
        },
        index=days,
    )


def _run(project: Project, frames: dict[str, pd.DataFrame]) -> dict[str, dict[str, Any]]:
    """Run the files as a universe; return each symbol's stored result."""
    for symbol, frame in frames.items():
        frame.to_csv(project.feed(symbol))
    symbols = list(frames)
    (project.folder / "universe.csv").write_text("\n".join(["symbol", *symbols, ""]))
    result = project.run((symbols[0], symbols[-1]), selection=SELECTION, run_config=THREE_YEARS)
    assert result.success, project.why(result)
    return {symbol: project.manager.get_backtests_by_symbol(symbol)[0] for symbol in symbols}


def test_stocks_and_a_currency_that_trades_every_day(project: Project):
    frames = {f"ST{n}": _walk(_sessions(), 50 + 10 * n, drift=0.0003, seed=n + 1) for n in range(9)}
    every_day = pd.DatetimeIndex(pd.date_range("2020-01-01", "2023-12-31"), name="Date")
    frames["BTC-USD"] = _walk(every_day, 20_000, 0.035, 0.0012, seed=77, volume=1e9)
    rows = _run(project, frames)
    currency = rows["BTC-USD"]
    assert currency["bars_per_year"] == 365
    assert currency["annualized_return"] == pytest.approx(0.650, abs=5e-4)
    assert currency["sharpe_ratio"] == pytest.approx(1.220, abs=5e-4)
    assert currency["universe_return"] == pytest.approx(0.3927, abs=5e-5)
    assert {rows[f"ST{n}"]["bars_per_year"] for n in range(9)} == {252}


def test_raw_prices_with_adjusted_ones_beside_them(project: Project):
    days = _sessions()
    frames = {}
    for symbol, seed, dividend, split in (("HIDIV", 5, 0.02, 1), ("AMZN", 6, 0.0, 20)):
        adjusted = _walk(days, 100, drift=0.0004, seed=seed)
        pays = np.zeros(len(days), dtype=bool)
        pays[40::63] = True
        splits = np.where(days == "2022-06-06", split, 1.0)
        steps = np.where(pays, 1 - dividend, 1.0) / splits
        factor = np.append(np.cumprod(steps[:0:-1])[::-1], 1.0)
        raw = {name.lower(): adjusted[name].to_numpy() / factor for name in PRICES}
        before = np.append(0.0, raw["close"][:-1])
        columns = {
            **raw,
            "volume": adjusted["Volume"].to_numpy(),
            "adjClose": adjusted["Close"].to_numpy(),
            "divCash": np.where(pays, dividend * before, 0.0),
            "splitFactor": splits,
        }
        frames[symbol] = pd.DataFrame(columns, index=days)
    rows = _run(project, frames)
    assert rows["HIDIV"]["benchmark_return"] == pytest.approx(0.651, abs=5e-4)
    assert rows["AMZN"]["benchmark_return"] == pytest.approx(0.017, abs=5e-4)
    # Without the adjusted close, splits and dividends give the same factor.
    bare = {symbol: frame.drop(columns="adjClose") for symbol, frame in frames.items()}
    derived = _run(project, bare)
    for symbol, row in derived.items():
        expected = rows[symbol]["benchmark_return"]
        assert row["benchmark_return"] == pytest.approx(expected, rel=1e-9), symbol


def test_a_file_that_was_filled_to_all_days(project: Project):
    bars = _walk(_sessions(), 100, 0.015, 0.0003, seed=11)
    filled = bars.asfreq("D").ffill()
    assert len(filled.loc["2021":]) > 1.4 * len(bars.loc["2021":])
    (padded,) = _run(project, {"S00": filled}).values()
    (clean,) = _run(project, {"S00": bars}).values()
    assert padded["data_points"] == clean["data_points"] == 753
    assert padded["data_version"] == clean["data_version"]
    assert padded["id"] == clean["id"]
