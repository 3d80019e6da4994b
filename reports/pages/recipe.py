"""How a result is computed again: by a command, and in Python."""

import json
from collections.abc import Mapping
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
        **{name: settings[name] for name in _AT_TOP},
        **({"settings": changed} if changed else {}),
    }
    return (
        f"echo {quote(json.dumps(asked))} > request.yaml\n"
        f"GAUNTLET_SOURCE={row['source']} dagster job execute -m pipelines.definitions "
        "-j backtest_request --config request.yaml"
    )


def write_python(row: Mapping[str, Any]) -> str:
    """Return a script that computes the result from the stored prices."""
    settings = json.loads(row["settings"])
    fields = set(BacktestSettings().as_dict())
    changed = {name: value for name, value in _list_changed(settings).items() if name in fields}
    given = ", ".join(f"{name}={value!r}" for name, value in changed.items())
    days = (row["start_date"], row["end_date"])
    start, end = (f"date({one.year}, {one.month}, {one.day})" for one in days)
    return (
        "from datetime import date, timedelta\n"
        "from engine.backtest import VectorBTEngine\n"
        "from engine.settings import BacktestSettings, Window\n"
        "from resources.price_store.history_loader import load_histories\n"
        "from resources.price_store.spans import HistorySpec\n"
        "from resources.price_store.store import PriceStore\n"
        "from strategies.registry import get_strategy\n"
        f"window = Window({start}, {end})\n"
        f"first = window.start - timedelta(days={settings['warmup_days']})\n"
        f"spec = HistorySpec({row['symbol']!r}, first, window.end)\n"
        "store = PriceStore(root='.data/prices')\n"
        f"[(_, loaded)] = load_histories(store, {row['source']!r}, [spec])\n"
        f"strategy = get_strategy({row['strategy']!r}).from_mapping({row['parameters']})\n"
        f"engine = VectorBTEngine(BacktestSettings({given}))\n"
        "batch = engine.run_batch([loaded.history], [strategy], window)\n"
        "print(batch[0].metrics)"
    )


def _list_changed(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return the settings that are not the defaults."""
    defaults = BacktestSettings().as_dict() | {"warmup_days": 365, "price_basis": "adjusted"}
    return {name: value for name, value in settings.items() if value != defaults.get(name)}
