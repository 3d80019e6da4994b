"""What is measured is this process's real memory: the tests hold some, and let go of it."""

import sys
import time

import pytest

from research.audit.stage_profile import StageProfile
from research.natural_key import json_text

MEGABYTE = 1024 * 1024
HELD_MB = 200


def _hold() -> bytes:
    return b"\x01" * (HELD_MB * MEGABYTE)  # zeros would be promised by the system, not given


def test_memory_that_is_held_at_the_end_is_growth():
    profile = StageProfile()
    held = _hold()
    summary = profile.summary()
    assert len(held) == HELD_MB * MEGABYTE
    assert summary["memory_growth_mb"] == pytest.approx(HELD_MB, abs=40)


def test_memory_that_was_given_back_is_in_the_peak_and_is_no_growth():
    profile = StageProfile()
    held = _hold()
    profile.sample()
    del held
    summary = profile.summary()
    assert summary["memory_peak_mb"] - summary["memory_start_mb"] == pytest.approx(HELD_MB, abs=40)
    assert summary["memory_growth_mb"] < HELD_MB / 2


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only Linux tells")
def test_memory_that_was_given_back_between_samples_is_in_the_peak():
    higher_before = _hold() + _hold()
    del higher_before
    profile = StageProfile()
    _hold()
    summary = profile.summary()
    assert summary["memory_peak_mb"] - summary["memory_start_mb"] == pytest.approx(HELD_MB, abs=40)


def test_memory_from_before_the_stage_is_not_its_growth():
    held = _hold()
    summary = StageProfile().summary()
    assert summary["memory_start_mb"] > len(held) / MEGABYTE
    assert summary["memory_growth_mb"] < HELD_MB / 2


def test_the_peak_is_never_below_the_start_or_the_end():
    profile, held = StageProfile(), []
    for _ in range(3):
        held.append(b"\x01" * (5 * MEGABYTE))
        profile.sample()
    summary = profile.summary()
    assert len(held) == 3
    assert summary["memory_peak_mb"] >= summary["memory_start_mb"]
    end = summary["memory_start_mb"] + summary["memory_growth_mb"]
    assert summary["memory_peak_mb"] >= end - 0.2  # each is rounded for itself
    assert summary["memory_samples"] == 1 + 3 + 1


def test_a_summary_has_the_counts_the_times_and_is_json():
    profile, begun = StageProfile(), time.process_time()
    while time.process_time() - begun < 0.02:
        pass
    summary = profile.summary(requested=110, succeeded=107)
    assert list(summary)[:2] == ["requested", "succeeded"]
    assert (summary["requested"], summary["succeeded"]) == (110, 107)
    assert summary["cpu_seconds"] >= 0.02
    assert summary["wall_seconds"] > 0
    assert json_text(summary)
