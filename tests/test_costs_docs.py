"""The run config, the Python and the table of docs/costs.md are correct."""

import re
from dataclasses import fields
from datetime import date
from pathlib import Path
from typing import Any

import pytest
import yaml

from engine.costs import MODELS
from engine.settings import BacktestSettings, Window
from resources.config.environment import EnvironmentSettings
from resources.config.run_settings import RunSettings
from strategies.sma_cross import SmaCross
from tests.bars import random_history

COSTS = (Path(__file__).resolve().parents[1] / "docs/costs.md").read_text()


def _find_code(language: str) -> str:
    (code,) = re.findall(rf"```{language}\n(.*?)```", COSTS, re.DOTALL)
    return code


def test_the_run_config_is_accepted():
    config = yaml.safe_load(_find_code("yaml"))["resources"]["run_settings"]["config"]
    defaults = EnvironmentSettings.from_environment({})
    window = {"start": defaults.start.isoformat(), "end": defaults.end.isoformat()}
    settings = RunSettings(**{**window, **config})
    settings.check()
    assert len(settings.stored_settings()["costs"]) == len(config["costs"])


def test_the_example_of_a_notebook_runs():
    window = Window(date(2021, 2, 1), date(2021, 12, 31))
    shown: dict[str, Any] = {
        "histories": [random_history("A", 300, 1)], "strategy": SmaCross(), "window": window
    }  # fmt: skip
    exec(_find_code("python"), shown)  # noqa: S102 - the example of the document
    own, dear = (shown[name].results[0].metrics for name in ("outcome", "doubled"))
    assert dear["total_fees"] > own["total_fees"] > 0


def test_every_model_is_listed_with_its_settings():
    rows = dict(re.findall(r"^\| `(\w+)` \| (.*?) \|", COSTS, re.M))
    assert list(rows) == list(MODELS)
    for name, model in MODELS.items():
        for one in fields(model):
            assert f"`{one.name}" in rows[name], (name, one.name)


@pytest.mark.parametrize("name", ["unfilled_orders", "total_interest", "total_borrow_fees"])
def test_the_metrics_exist(name: str):
    from engine.metrics import METRICS

    assert f"`{name}`" in COSTS
    assert name in METRICS


def test_the_defaults_are_those_of_the_code():
    settings = BacktestSettings()
    assert f"`fees` ({settings.fees:.1%}) and `slippage` ({settings.slippage:.1%})".replace(
        "%", " %"
    ) in COSTS.replace("\n", " ")
