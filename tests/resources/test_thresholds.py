import math

import dagster as dg
import pytest
from pydantic import ValidationError

from resources.thresholds import Thresholds

RATES = ["success_rate", "success_rate_warning", "saved_rate", "retrieved_rate"]
MEGABYTES = ["memory_growth_mb", "memory_growth_warning_mb"]


def test_the_defaults_are_the_agreed_limits():
    assert Thresholds().model_dump() == {
        "success_rate": 0.85,
        "success_rate_warning": 1.0,
        "memory_growth_mb": 3000.0,
        "memory_growth_warning_mb": 2000.0,
        "saved_rate": 0.95,
        "retrieved_rate": 0.95,
    }


def test_every_threshold_is_tried_here():
    assert set(Thresholds.model_fields) == {*RATES, *MEGABYTES}


@pytest.mark.parametrize("name", RATES)
@pytest.mark.parametrize("value", [-0.01, 1.01, 85.0, math.nan, math.inf])
def test_a_rate_that_is_no_share_is_refused(name: str, value: float):
    with pytest.raises(ValidationError, match=name):
        Thresholds(**{name: value})


@pytest.mark.parametrize("name", MEGABYTES)
@pytest.mark.parametrize("value", [0.0, -1.0, math.nan])
def test_megabytes_that_no_run_could_keep_are_refused(name: str, value: float):
    with pytest.raises(ValidationError, match=name):
        Thresholds(**{name: value})


@pytest.mark.parametrize("name", RATES)
@pytest.mark.parametrize("value", [0.0, 1.0])
def test_the_ends_of_the_range_are_allowed(name: str, value: float):
    assert getattr(Thresholds(**{name: value}), name) == value


@dg.asset
def judged(thresholds: Thresholds) -> float:
    return thresholds.success_rate


def _materialize(value: float) -> dg.ExecuteInProcessResult:
    config = {"resources": {"thresholds": {"config": {"success_rate": value}}}}
    with dg.DagsterInstance.ephemeral() as instance:
        return dg.materialize(
            [judged],
            resources={"thresholds": Thresholds.configure_at_launch()},
            run_config=config,
            instance=instance,
        )


def test_run_config_tightens_a_limit():
    assert _materialize(0.99).output_for_node("judged") == 0.99


def test_run_config_out_of_range_fails_the_run_before_any_asset():
    with pytest.raises(dg.DagsterError) as refused:
        _materialize(1.5)
    assert isinstance(refused.value.__cause__, ValidationError)
    assert "success_rate" in str(refused.value.__cause__)
