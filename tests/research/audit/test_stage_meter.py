"""The meter measures real memory of this process: tests allocate some and release it."""

import sys
import time

import pytest

from research.audit.stage_meter import StageMeter
from research.audit.stage_profile import StageProfile

MEGABYTE = 1024 * 1024
HELD_MB = 200


def _hold() -> bytes:
    return b"\x01" * (HELD_MB * MEGABYTE)  # zeros would not be allocated


def test_memory_held_at_the_end_is_growth():
    meter = StageMeter()
    held = _hold()
    cost = meter.read()
    assert len(held) == HELD_MB * MEGABYTE
    assert cost["memory_growth_mb"] == pytest.approx(HELD_MB, abs=40)


def test_released_memory_counts_in_the_peak_but_not_in_growth():
    meter = StageMeter()
    held = _hold()
    meter.sample()
    del held
    cost = meter.read()
    assert cost["memory_peak_mb"] - cost["memory_start_mb"] == pytest.approx(HELD_MB, abs=40)
    assert cost["memory_growth_mb"] < HELD_MB / 2


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only Linux reports it")
def test_memory_released_between_samples_is_in_the_peak():
    higher_before = _hold() + _hold()
    del higher_before
    meter = StageMeter()
    _hold()
    cost = meter.read()
    assert cost["memory_peak_mb"] - cost["memory_start_mb"] == pytest.approx(HELD_MB, abs=40)


def test_memory_from_before_the_stage_is_not_growth():
    held = _hold()
    cost = StageMeter().read()
    assert cost["memory_start_mb"] > len(held) / MEGABYTE
    assert cost["memory_growth_mb"] < HELD_MB / 2


def test_the_peak_is_never_below_the_start_or_the_end():
    meter, held = StageMeter(), []
    for _ in range(3):
        held.append(b"\x01" * (5 * MEGABYTE))
        meter.sample()
    cost = meter.read()
    assert len(held) == 3
    assert cost["memory_peak_mb"] >= cost["memory_start_mb"]
    end = cost["memory_start_mb"] + cost["memory_growth_mb"]
    assert cost["memory_peak_mb"] >= end - 0.2  # each is rounded for itself
    assert cost["memory_samples"] == 1 + 3 + 1


def test_a_reading_completes_a_profile():
    meter, begun = StageMeter(), time.process_time()
    while time.process_time() - begun < 0.02:
        pass
    profile = StageProfile(**meter.read(), requested=110, succeeded=107)
    assert profile.cpu_seconds >= 0.02
    assert profile.wall_seconds > 0
    assert profile.memory_slope_mb is None
