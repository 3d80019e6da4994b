"""A stage's profile reads back as stored, also if another version wrote it."""

import json

import pytest

from research.audit.findings import RuleFindings, Scaling
from research.audit.stage_profile import (
    BacktestsProfile,
    PricesProfile,
    RequestProfile,
    StageProfile,
)
from research.natural_key import json_text
from tests.profiles import backtests_profile, forward_profile, prices_profile

SCALING = Scaling(
    years=(1, 2, 3, 5),
    seconds=(0.1, 0.2, 0.3, 0.5),
    ratio=3.0,
    exponent=1.0,
    symbols=5,
    rounds=3,
    memory_slope_mb=0.1,
    measured_by="run-1",
)
FINDINGS = {"rsi": RuleFindings(symbols=5, offenders={"S01": "dropped 2 signals"})}
REQUEST = RequestProfile.model_validate(
    {
        **dict(backtests_profile(scaling=SCALING, scaling_key="key")),
        "source_requests": 2,
        "results": ("id-1",),
        "concurrent_requests": {
            "requests": 2,
            "ended": 1,
            "success_rate": 1.0,
            "symbol_success_rate": 0.9,
            "wall_seconds": 3.5,
            "failed_runs": (),
        },
    }
)
PROFILES = [
    prices_profile(quality={"symbols": 2, "offenders": {"bars_are_valid": {"S01": "high"}}}),
    backtests_profile(
        cached_results={"hits_by_strategy": {"rsi": 2}, "misses_by_strategy": {"macd": 1}},
        integrity={"look_ahead": {}, "dropped_signals": FINDINGS, "imbalance": {}},
        scaling=SCALING,
    ),
    forward_profile(alarm_age={"rsi": 3}),
    REQUEST,
]


@pytest.mark.parametrize("profile", PROFILES, ids=lambda one: type(one).__name__)
def test_a_stored_profile_reads_back_equal(profile: StageProfile):
    stored = json.loads(json_text(profile.to_json()))
    assert type(profile).from_stored(stored) == profile


def test_unknown_fields_of_a_stored_profile_are_ignored():
    profile = prices_profile()
    assert PricesProfile.from_stored({**profile.to_json(), "gone": 1}) == profile


@pytest.mark.parametrize(
    "stored", [None, {}, {"requested": 3}, {**prices_profile().to_json(), "quality": None}]
)
def test_a_profile_without_a_required_field_is_not_read(stored: object):
    assert PricesProfile.from_stored(stored) is None


def test_a_profile_of_requests_is_a_profile_of_backtests():
    read = BacktestsProfile.from_stored(REQUEST.to_json())
    assert read is not None
    assert read.scaling == SCALING


def test_cached_results_add_up_over_strategies():
    cached = PROFILES[1].cached_results  # pyright: ignore[reportAttributeAccessIssue]
    assert (cached.hits, cached.misses) == (2, 1)
