"""How a result is computed again, by a command."""

import json
from collections.abc import Mapping
from functools import cache
from shlex import quote
from typing import Any

from engine.settings import BacktestSettings

_AT_TOP = ("fees", "slippage")
_NOT_ASKED = ("price_basis",)


def write_command(row: Mapping[str, Any]) -> str:
    """Return the commands that request the result again.

    Parameters
    ----------
    row
        Of `RunData.backtests`.
    """
    settings = json.loads(row["settings"])
    changed = {
        name: value
        for name, value in _list_changed(settings).items()
        if name not in (*_AT_TOP, *_NOT_ASKED)
    }
    asked = {
        "user": "me",
        "symbols": [row["symbol"]],
        "strategy": row["strategy"],
        "parameters": json.loads(row["parameters"]),
        "start": row["start_date"].isoformat(),
        "end": row["end_date"].isoformat(),
        **{name: settings[name] for name in _AT_TOP if name in settings},
        **({"settings": changed} if changed else {}),
    }
    return (
        f"echo {quote(json.dumps(asked))} > request.yaml\n"
        f"GAUNTLET_SOURCE={row['source']} dagster job execute -m pipelines.definitions "
        "-j backtest_request --config request.yaml"
    )


def _list_changed(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return the settings that are not the defaults."""
    defaults = _list_defaults()
    return {name: value for name, value in settings.items() if value != defaults.get(name)}


@cache
def _list_defaults() -> Mapping[str, Any]:
    return BacktestSettings().as_dict() | {"warmup_days": 365}
