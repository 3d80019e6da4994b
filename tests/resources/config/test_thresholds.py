import math

import dagster as dg
import pytest
from pydantic import ValidationError

from resources.config.thresholds import Thresholds

LIMITS = {
    "success_rate": (0.85, 1.0),
    "clean_rate": (0.85, 1.0),
    "saved_rate": (0.95, 1.0),
    "retrieved_rate": (0.95, 1.0),
    "wall_seconds": (1800.0, 900.0),
    "memory_growth_mb": (3000.0, 2000.0),
    "memory_growth_many_mb": (2000.0, 1500.0),
    "memory_peak_mb": (2500.0, 2000.0),
    "memory_slope_mb": (5.0, 2.5),
    "scaling_ratio": (5.0, 4.0),
    "scaling_exponent": (1.5, 1.2),
    "database_seconds": (300.0, 150.0),
    "concurrent_requests_success_rate": (0.8, 1.0),
    "concurrent_requests_symbol_success_rate": (0.8, 1.0),
    "concurrent_requests_seconds": (600.0, 300.0),
    "forward_decay": (1.0, 0.8),
    "portfolio_turnover": (250.0, 50.0),
    "portfolio_volume_share": (0.25, 0.05),
}
OTHERS = {
    "missing_sessions": 0.02,
    "stale_sessions": 3,
    "late_sessions": 3,
    "silent_sessions": 0.1,
    "split_odds": 1.0,
    "unusual_move": 0.4,
    "promotion": "none",
}
RATES = [name for name in LIMITS if name.endswith("_rate")]
COSTS = [name for name in LIMITS if not name.endswith("_rate")]


def test_the_defaults_are_the_agreed_limits():
    limits = {name: limit for name, (limit, _) in LIMITS.items()}
    warnings = {f"{name}_warning": warning for name, (_, warning) in LIMITS.items()}
    assert Thresholds().model_dump() == limits | warnings | OTHERS


@pytest.mark.parametrize("name", RATES)
@pytest.mark.parametrize("value", [-0.01, 1.01, 85.0, math.nan, math.inf])
def test_a_rate_outside_0_to_1_is_refused(name: str, value: float):
    with pytest.raises(ValidationError, match=name):
        Thresholds(**{name: value})  # pyright: ignore[reportArgumentType]


@pytest.mark.parametrize("name", COSTS)
@pytest.mark.parametrize("value", [0.0, -1.0, math.nan])
def test_a_limit_that_is_not_positive_is_refused(name: str, value: float):
    with pytest.raises(ValidationError, match=name):
        Thresholds(**{name: value})  # pyright: ignore[reportArgumentType]


@pytest.mark.parametrize("name", LIMITS)
def test_a_warning_level_beyond_its_limit_is_refused(name: str):
    limit, _ = LIMITS[name]
    beyond = limit * (0.9 if name in RATES else 1.1)
    with pytest.raises(ValidationError, match=f"{name}_warning is {beyond:g}, beyond the limit"):
        Thresholds(**{f"{name}_warning": beyond})  # pyright: ignore[reportArgumentType]


@pytest.mark.parametrize("name", LIMITS)
def test_a_limit_may_be_tighter_than_its_default_warning_level(name: str):
    tight = 1.0 if name in RATES else LIMITS[name][1] / 2
    assert getattr(Thresholds(**{name: tight}), name) == tight  # pyright: ignore[reportArgumentType]


@pytest.mark.parametrize("name", LIMITS)
def test_a_warning_level_may_equal_its_limit(name: str):
    limit, _ = LIMITS[name]
    assert getattr(Thresholds(**{f"{name}_warning": limit}), name) == limit  # pyright: ignore[reportArgumentType]


@pytest.mark.parametrize("name", RATES)
@pytest.mark.parametrize("value", [0.0, 1.0])
def test_the_ends_of_the_range_are_allowed(name: str, value: float):
    assert getattr(Thresholds(**{name: value}), name) == value  # pyright: ignore[reportArgumentType]


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


def test_run_config_out_of_range_fails_before_any_asset():
    with pytest.raises(dg.DagsterError) as refused:
        _materialize(1.5)
    assert isinstance(refused.value.__cause__, ValidationError)
    assert "success_rate" in str(refused.value.__cause__)
