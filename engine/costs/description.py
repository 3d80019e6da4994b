"""Costs in words, of settings as they are stored: beside every leaderboard and in every report."""

from collections.abc import Mapping
from typing import Any

from engine.costs.composition import compose_costs
from engine.costs.words import say_percent

_PERCENTAGES = ("fees", "slippage")


def describe_costs(settings: Mapping[str, Any]) -> str:
    """Return what trading costs: percentages of each fill, or the models of a composition."""
    if settings.get("costs") is not None:
        return compose_costs(settings["costs"]).describe()
    known = [name for name in _PERCENTAGES if name in settings]
    return f"{', '.join(f'{name} {say_percent(settings[name])}' for name in known)} per fill"
