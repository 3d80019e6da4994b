"""The resources of the definitions, built from the settings."""

from collections.abc import Mapping
from copy import copy
from typing import Any, TypeVar

import dagster as dg
from pydantic import ValidationError, create_model

from resources.config.environment import EnvironmentSettings, InvalidEnvironmentError
from resources.config.run_settings import RunSettings
from resources.config.thresholds import Thresholds
from resources.files.reports import Reports
from resources.market_data.resource import MarketData
from resources.price_store.store import PriceStore
from resources.result_store.resource import ResultStore
from resources.run_artifacts.backtest_files import BacktestFiles
from strategies.errors import did_you_mean

Resource = TypeVar("Resource", bound=dg.ConfigurableResource)


def build_resources(settings: EnvironmentSettings) -> dict[str, Any]:
    """Return every resource by the name that assets use."""
    home = settings.home
    overrides: dict[str, Any] = {"columns": dict(settings.columns)} if settings.columns else {}
    if settings.rate is not None:
        overrides["requests_per_second"] = settings.rate
    if settings.splits is not None:
        overrides["splits"] = str(settings.splits)
    return {
        "market_data": with_defaults(
            MarketData, source=settings.source, home=str(home), **overrides
        ),
        "run_settings": with_defaults(
            RunSettings, start=settings.start.isoformat(), end=settings.end.isoformat()
        ),
        "result_store": with_defaults(ResultStore, home=str(home)),
        "price_store": with_defaults(PriceStore, root=str(home / "prices")),
        "backtest_files": with_defaults(BacktestFiles, root=str(home / "backtests")),
        "reports": with_defaults(Reports, root=str(home / "reports")),
        "thresholds": _build_thresholds(settings.limits),
    }


def _build_thresholds(limits: Mapping[str, float]) -> Thresholds:
    """Return the thresholds, with the limits that the environment overrides.

    Raises
    ------
    InvalidEnvironmentError
        When there is no such limit, or its value is not allowed.
    """
    for name in limits:
        if name not in Thresholds.model_fields:
            raise InvalidEnvironmentError(
                f"GAUNTLET_LIMIT_{name.upper()} is not a limit."
                + did_you_mean(name, Thresholds.model_fields)
            )
    try:
        checked = Thresholds(**limits)  # pyright: ignore[reportArgumentType]
    except ValidationError as error:
        reason = error.errors()[0]
        named = f"GAUNTLET_LIMIT_{str(reason['loc'][0]).upper()}: " if reason["loc"] else ""
        raise InvalidEnvironmentError(
            f"{named}{reason['msg'].removeprefix('Value error, ')}"
        ) from None
    return with_defaults(Thresholds, **{name: getattr(checked, name) for name in limits})


def with_defaults(resource: type[Resource], **defaults: Any) -> Resource:
    """Return a resource with `defaults` as the default values of its fields.

    Values given to the constructor would only work for runs that override none of them: run config
    that names one field of a resource must name every field without a default.
    """
    fields: dict[str, Any] = {}
    for name, value in defaults.items():
        # A copy keeps the constraints of the field.
        field = copy(resource.model_fields[name])
        field.default = value
        fields[name] = (field.annotation, field)
    return create_model(resource.__name__, __base__=resource, **fields)()
