"""The resources of the definitions, built from the settings."""

from collections.abc import Mapping
from copy import copy
from typing import Any, TypeVar

import dagster as dg
from pydantic import ValidationError, create_model

from pipelines.places import NoPickles, WithoutEnvironment
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

_CLASSES: Mapping[str, type[dg.ConfigurableResource]] = {
    "market_data": MarketData,
    "run_settings": RunSettings,
    "result_store": ResultStore,
    "price_store": PriceStore,
    "backtest_files": BacktestFiles,
    "reports": Reports,
    "thresholds": Thresholds,
}


def build_resources(settings: EnvironmentSettings) -> dict[str, Any]:
    """Return every resource by the name that assets use."""
    home = str(settings.home)
    overrides: dict[str, Any] = {"columns": dict(settings.columns)} if settings.columns else {}
    if settings.rate is not None:
        overrides["requests_per_second"] = settings.rate
    splits = settings.splits
    places: dict[str, dict[str, Any]] = {
        "market_data": {"prices": None, "splits": splits and str(splits), "home": home},
        "result_store": {"database_url": None, "home": home},
        "price_store": {"root": settings.price_store},
        "backtest_files": {"root": settings.backtest_files},
        "reports": {"root": f"{home}/reports"},
    }
    defaults: dict[str, dict[str, Any]] = {
        "market_data": {"source": settings.source, **overrides},
        "run_settings": {"start": settings.start.isoformat(), "end": settings.end.isoformat()},
        "thresholds": _check_limits(settings.limits),
    }
    return {
        name: _build(
            resource,
            defaults.get(name, {}),
            places.get(name, {}),
            configurable=settings.places_in_run_config,
        )
        for name, resource in _CLASSES.items()
    } | {"io_manager": NoPickles()}


def _check_limits(limits: Mapping[str, float | str]) -> dict[str, float | str]:
    """Return the limits that the environment overrides, as the thresholds have them.

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
    return {name: getattr(checked, name) for name in limits}


def _build(
    resource: type[dg.ConfigurableResource],
    defaults: Mapping[str, Any],
    places: Mapping[str, Any],
    *,
    configurable: bool,
) -> dg.ConfigurableResource:
    """Return a resource whose places run config may change only if they are configurable."""
    if configurable:
        return with_defaults(resource, **defaults, **places)
    # Dagster's own way to give a resource what is no configuration. It is a default, too, because
    # the defaults are what is configured: a run with other values is a what-if.
    fixed = {name: (dg.ResourceDependency[Any], value) for name, value in places.items()}
    fields: dict[str, Any] = {**_default_fields(resource, defaults), **fixed}
    base: Any = (WithoutEnvironment, resource)
    model: Any = create_model(resource.__name__, __base__=base, __doc__=resource.__doc__, **fields)
    return model(**places)


def with_defaults(resource: type[Resource], **defaults: Any) -> Resource:
    """Return a resource with `defaults` as the default values of its fields.

    Values given to the constructor would only work for runs that override none of them: run config
    that names one field of a resource must name every field without a default.
    """
    fields = _default_fields(resource, defaults)
    return create_model(resource.__name__, __base__=resource, **fields)()


def _default_fields(
    resource: type[dg.ConfigurableResource], defaults: Mapping[str, Any]
) -> dict[str, Any]:
    fields: dict[str, Any] = {}
    for name, value in defaults.items():
        # A copy keeps the constraints of the field.
        field = copy(resource.model_fields[name])
        field.default = value
        fields[name] = (field.annotation, field)
    return fields
