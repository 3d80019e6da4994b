"""What a run of the asset graph is for: the pipeline's own results, or a what-if."""

from collections.abc import Mapping

from engine.errors import InvalidSettingsError
from research.purpose import Purpose
from resources.config.run_settings import RunSettings
from resources.market_data.resource import MarketData
from strategies.registry import registered_strategies

PURPOSE_TAG = "gauntlet/purpose"
"""Tag of a run: `pipeline` for one whose settings are meant, though they are not the configured
ones, as those of the schedule that ends its window with today's session; or `what_if`."""

_BARS = ("source", "prices", "columns", "splits")
_ALLOWED = (Purpose.PIPELINE, Purpose.WHAT_IF)


def find_purpose(
    tags: Mapping[str, str], market_data: MarketData, run_settings: RunSettings
) -> Purpose:
    """Return the purpose of a run: a what-if has other than the configured settings.

    Configured are the defaults of the code location, which `pipelines.resources` makes those of
    the resources' fields; run config overrides them.

    Parameters
    ----------
    tags
        Those of the run; `PURPOSE_TAG` decides, where it is one of them.

    Raises
    ------
    InvalidSettingsError
        When the tag is none of the two.
    """
    tagged = tags.get(PURPOSE_TAG)
    if tagged is None:
        configured = _has_configured_bars(market_data) and _has_configured_settings(run_settings)
        return Purpose.PIPELINE if configured else Purpose.WHAT_IF
    if tagged not in _ALLOWED:
        raise InvalidSettingsError(
            f"The run's tag {PURPOSE_TAG} is '{tagged}'; allowed: {', '.join(_ALLOWED)}."
        )
    return Purpose(tagged)


def select_purpose_tag(tags: Mapping[str, str]) -> dict[str, str]:
    """Return that of a run's tags that says what it is for, for a run that follows from it."""
    return {PURPOSE_TAG: tags[PURPOSE_TAG]} if PURPOSE_TAG in tags else {}


def _has_configured_bars(market_data: MarketData) -> bool:
    fields = type(market_data).model_fields
    return all(getattr(market_data, name) == fields[name].default for name in _BARS)


def _has_configured_settings(run_settings: RunSettings) -> bool:
    """Return whether all that results depend on is as configured, parameters included."""
    if type(run_settings).model_fields["start"].is_required():
        return True  # nothing is configured
    configured = type(run_settings).model_validate({})
    return _list_compared(run_settings) == _list_compared(configured)


def _list_compared(run_settings: RunSettings) -> tuple[object, ...]:
    strategies = registered_strategies().values()
    return (
        run_settings.window(),
        run_settings.stored_settings(),
        run_settings.universe_benchmark,
        [run_settings.strategy_of(one).parameters() for one in strategies],
    )
