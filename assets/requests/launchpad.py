"""What analysts fill in for a request: prefilled, and flat where it can be."""

from enum import Enum
from typing import Any

import dagster as dg
from pydantic import Field, create_model

from assets.requests.handler import InvalidRequestError
from resources.config.run_settings import RunSettings
from resources.universe import Universe
from strategies.registry import registered_strategies

_SETTINGS = ("start", "end", "fees", "slippage")
"""Settings that are at the top level; the others are under `settings`."""

_NOT_ASKED = frozenset({*_SETTINGS, "parameters", "batch_size"})
_EXAMPLE = "sma_cross"


def build_request_mapping(
    universe: Universe, run_settings: RunSettings, op_name: str
) -> dg.ConfigMapping:
    """Return how what an analyst fills in becomes the run config of the job.

    The launchpad shows each field's default: that is an example, on the configured window and
    costs.
    """
    config_class = _build_config_class(universe, run_settings)

    def to_run_config(config: config_class) -> dict[str, Any]:  # pyright: ignore[reportInvalidTypeForm]
        asked = {"user": config.user, "symbols": config.symbols, "parameters": config.parameters}
        further = {name: value for name, value in config.settings if value is not None}
        settings = {**further, **{name: getattr(config, name) for name in _SETTINGS}}
        others = config.resources or {}
        if "run_settings" in others:
            raise InvalidRequestError(
                "resources has run_settings; its settings are at the top level and under settings."
            )
        resources = {"run_settings": {"config": settings}, **others}
        answer = {"config": {**asked, "strategy": config.strategy.value}}
        return {"ops": {op_name: answer}, "resources": resources}

    return dg.config_mapping(to_run_config)


def _build_config_class(universe: Universe, run_settings: RunSettings) -> type[dg.Config]:
    names = list(registered_strategies())
    strategies: Any = Enum("StrategyName", {name: name for name in names})
    example = strategies(_EXAMPLE if _EXAMPLE in names else names[0])
    asked: dict[str, Any] = {
        "user": (str, Field(default="analyst", description="Who asks; stored with each result.")),
        "symbols": (
            list[str],
            Field(
                default=list(universe.symbols[:2]),
                description="Symbols of the universe, each once.",
            ),
        ),
        "strategy": (strategies, Field(default=example, description=f"One of {', '.join(names)}.")),
        "parameters": (
            dict[str, Any],
            Field(
                default={},
                description="Parameters of the strategy, as in {fast_period: 5}; what is left out "
                "keeps its default.",
            ),
        ),
        "settings": (
            _build_settings_class(),
            Field(description="Further settings; what is left out keeps its default."),
        ),
        "resources": (
            dict[str, Any] | None,
            Field(
                default=None,
                description="What run config may set of other resources, as in {thresholds: "
                "{config: {success_rate: 0.9}}}.",
            ),
        ),
    }
    for name in _SETTINGS:
        asked[name] = (RunSettings.model_fields[name].annotation, _copy(run_settings, name))
    return create_model("BacktestRequestConfig", __base__=dg.Config, **asked)


def _build_settings_class() -> type[dg.Config]:
    """Return the settings that are not at the top level, each of them optional."""
    fields: dict[str, Any] = {}
    for name, field in RunSettings.model_fields.items():
        if name not in _NOT_ASKED:
            kind: Any = field.annotation
            fields[name] = (kind | None, Field(default=None, description=field.description))
    return create_model("FurtherSettings", __base__=dg.Config, **fields)


def _copy(run_settings: RunSettings, name: str) -> Any:
    """Return a field with the configured value as its default."""
    described = RunSettings.model_fields[name].description
    return Field(default=getattr(run_settings, name), description=described)
