"""Which resources the definitions get, from the settings."""

from typing import Any, TypeVar

import dagster as dg
from pydantic import Field, create_model

from resources.backtest_files import BacktestFiles
from resources.market_data.resource import MarketData
from resources.price_store import PriceStore
from resources.reports import Reports
from resources.result_store.resource import ResultStore
from resources.run_settings import RunSettings
from resources.settings import Settings
from resources.thresholds import Thresholds

Resource = TypeVar("Resource", bound=dg.ConfigurableResource)


def build_resources(settings: Settings) -> dict[str, Any]:
    """Return every resource by the name that assets ask for."""
    home = settings.home
    return {
        "market_data": _preset(MarketData, source=settings.source),
        "run_settings": _preset(
            RunSettings, start=settings.start.isoformat(), end=settings.end.isoformat()
        ),
        "result_store": _preset(ResultStore, home=str(home)),
        "price_store": _preset(PriceStore, root=str(home / "prices")),
        "backtest_files": _preset(BacktestFiles, root=str(home / "backtests")),
        "reports": _preset(Reports, root=str(home / "reports")),
        "thresholds": Thresholds(),
    }


def _preset(resource: type[Resource], **defaults: Any) -> Resource:
    """Return a resource whose fields default to `defaults`.

    Values given to the constructor would do for a run that overrides none; but run config that
    names one field of a resource has to name every field without a default.
    """
    fields: dict[str, Any] = {
        name: (
            resource.model_fields[name].annotation,
            Field(default=value, description=resource.model_fields[name].description),
        )
        for name, value in defaults.items()
    }
    return create_model(resource.__name__, __base__=resource, **fields)()
