"""A stored result computed again, from the bars that it was computed from."""

from collections.abc import Mapping
from dataclasses import fields, replace
from datetime import timedelta
from typing import Any

from engine.backtest import VectorBTEngine
from engine.errors import StrategyFailedError
from engine.settings import BacktestSettings, Window
from resources.price_store.history_loader import to_history
from resources.price_store.spans import HistorySpec
from resources.price_store.store import PriceStore
from strategies.registry import get_strategy


def repeat_backtest(stored: Mapping[str, Any], prices: PriceStore) -> dict[str, Any]:
    """Return what `engine.results.BacktestResult.as_dict` does, computed by the code of today.

    Metrics against the equal-weight universe are None.

    Parameters
    ----------
    stored
        As `BacktestPersistenceManager.get_backtest_by_id` returns it.

    Raises
    ------
    NoStoredBarsError, CorruptBarsError
        When bars with its data version are not stored any more.
    UnknownStrategyError, InvalidParameterError, StrategyFailedError
        When the code of today can't compute it.
    """
    window = Window(stored["start_date"], stored["end_date"])
    kept, names = stored["settings"], [one.name for one in fields(BacktestSettings)]
    settings = BacktestSettings(**{name: kept[name] for name in names if name in kept})
    start = window.start - timedelta(days=kept["warmup_days"])
    symbol, source = stored["symbol"], stored["source"]
    bars = prices.load(source, symbol, start, window.end, stored["data_version"])
    history = to_history(HistorySpec(symbol, start, window.end), bars)
    history = replace(history, bars_per_year=stored["bars_per_year"])
    strategy = get_strategy(stored["strategy"]).from_mapping(stored["parameters"])
    outcome = VectorBTEngine(settings).run_batch([history], [strategy], window)
    for failure in outcome.failures:
        raise StrategyFailedError(f"{symbol}: {failure.error_class}: {failure.message}")
    return outcome[0].as_dict()
