"""A symbol with absurd prices fails alone, whatever is absurd about them: a real run."""

from collections.abc import Callable
from datetime import date

import numpy as np
import polars as pl

from resources.market_data.sources.synthetic import SyntheticSource
from tests.project import END, SYMBOLS, Project

BACKTESTS = ["backtests/macd", "backtests/rsi"]
EVERY = ["prices", *BACKTESTS, "backtest_summaries"]
PRICES = ["open", "high", "low", "close"]


def _denormal(_: int, __: int) -> float:
    return 1e-321


def _jumping(day: int, days: int) -> float:
    return 1e200 if day > days // 2 else 1.0


def _swinging(day: int, _: int) -> float:
    """Each price and each move is in range; what is won by all of them in a row is not."""
    return 10.0 ** (7.0 * np.sin(day / 12.0))


ABSURD: dict[str, Callable[[int, int], float]] = {
    "S05": _denormal,
    "S06": _jumping,
    "S07": _swinging,
}


def _write(project: Project, symbol: str, factor_on: Callable[[int, int], float]) -> None:
    bars = SyntheticSource().fetch(symbol, date(2022, 1, 3), END).drop("adjustment")
    factors = pl.Series([factor_on(day, bars.height) for day in range(bars.height)])
    bars.with_columns(pl.col(PRICES) * factors).write_csv(project.feed(symbol))


def _rows(project: Project, run_id: str) -> pl.DataFrame:
    rows = project.manager.get_backtests_by_run(run_id).sort("id")
    return rows.filter(~pl.col("symbol").is_in(list(ABSURD))).drop("run_id", "part")


def test_symbols_with_absurd_prices_fail_alone(project: Project):
    config = {"resources": {"run_settings": {"config": {"ignore_cache": True}}}}
    for symbol in ABSURD:
        project.spoil(symbol)
    without = project.run(selection=EVERY, run_config=config)
    for symbol, factor_on in ABSURD.items():
        _write(project, symbol, factor_on)
    result = project.run(selection=EVERY, run_config=config)
    assert result.success, project.why(result)
    assert project.materialized("prices") == set(SYMBOLS)
    others = set(SYMBOLS) - set(ABSURD)
    assert project.materialized("backtest_summaries") == others
    rows = _rows(project, result.run_id)
    assert set(rows["symbol"]) == others
    # The universe is the same without them, so that each number is, to the bit.
    assert rows["universe_version"].null_count() == 0
    assert rows.equals(_rows(project, without.run_id))
    checks = project.checks(result)
    for asset in BACKTESTS:
        assert checks[asset, "accounts_balance"].passed
    told: dict[str, set[str]] = {symbol: set() for symbol in ABSURD}
    for one in project.manager.get_failures(result.run_id):
        told[one["symbol"]].add(one["error_class"])
        assert "money can't be counted" in one["message"]
        assert len(one["message"]) < 300
    assert told == {
        "S05": {"UnusableBarsError"},
        "S06": {"UnusableBarsError"},
        "S07": {"UncountableMoneyError"},
    }
