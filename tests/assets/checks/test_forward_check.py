"""The check of the forward record: it warns where an edge decays, and stops nothing."""

from typing import Any

import dagster as dg
import pytest

from assets.checks.catalogue import THRESHOLD_CHECKS
from assets.checks.check_outcomes import CheckOutcome
from assets.checks.threshold_checks import CheckInput
from resources.config.thresholds import Thresholds
from tests.profiles import forward_profile

(CHECK,) = THRESHOLD_CHECKS["forward_record"]


def judge(limits: dict[str, float] | None = None, **fields: Any) -> CheckOutcome:
    thresholds = Thresholds(**(limits or {}))  # pyright: ignore[reportArgumentType]
    key = dg.AssetKey("forward_record")
    return CHECK.evaluate(CheckInput(key, forward_profile(**fields), thresholds))


def test_records_far_from_an_alarm_pass():
    outcome = judge(decay={"rsi": 0.79, "macd": 0.0})
    assert outcome.passed
    assert outcome.description == (
        "0 of 2 records have alarmed in 30 days; highest decay 0.79, limit 1.00."
    )
    assert judge(decay={}).passed, "no record goes on"


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"decay": {"rsi": 0.85, "macd": 0.1}}, "- `rsi` decay 0.85"),
        (
            {"alarm_age": {"macd": 30}, "decay": {"rsi": 0.1, "macd": 0.0}},
            "- `macd` alarmed 30 days before its last one",
        ),
    ],
)
def test_a_record_near_an_alarm_or_after_one_warns(fields: dict[str, Any], told: str):
    outcome = judge(**fields)
    assert (outcome.passed, outcome.severity) == (False, dg.AssetCheckSeverity.WARN)
    assert outcome.metadata["offenders"].value == told
    assert "docs/forward.md" in outcome.metadata["guidance"]


def test_an_alarm_of_long_ago_is_over():
    assert judge(alarm_age={"rsi": 31}).passed


def test_the_limits_are_thresholds():
    assert not judge({"forward_decay_warning": 0.05}, decay={"rsi": 0.1}).passed
    assert judge({"forward_decay_warning": 0.9}, decay={"rsi": 0.85}).passed
