"""Which resources the definitions get, from the settings."""

from typing import Any

from resources.backtest_files import BacktestFiles
from resources.market_data.resource import MarketData
from resources.price_store import PriceStore
from resources.reports import Reports
from resources.result_store.resource import ResultStore
from resources.run_settings import RunSettings
from resources.settings import Settings
from resources.thresholds import Thresholds


def build_resources(settings: Settings) -> dict[str, Any]:
    """Return every resource by the name that assets ask for."""
    return {
        "market_data": MarketData(source=settings.source, prices=settings.prices),
        "run_settings": RunSettings(start=settings.start.isoformat(), end=settings.end.isoformat()),
        "result_store": ResultStore(home=str(settings.home)),
        "price_store": PriceStore(root=str(settings.home / "prices")),
        "backtest_files": BacktestFiles(root=str(settings.home / "backtests")),
        "reports": Reports(root=str(settings.home / "reports")),
        "thresholds": Thresholds(),
    }
