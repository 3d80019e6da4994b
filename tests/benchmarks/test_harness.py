"""Timing: rounds are interleaved, ratios are taken within them."""

import pytest

from benchmarks.harness import Timings, interleave


def test_contenders_warm_up_and_then_take_turns_in_each_round():
    ran: list[str] = []
    contenders = {name: lambda name=name: ran.append(name) for name in ("a", "b", "c")}
    timings = interleave("a test", contenders, rounds=4)
    assert ran[:3] == ["a", "b", "c"]
    assert [ran[start : start + 3] for start in (3, 6, 9, 12)] == [
        ["a", "b", "c"],
        ["b", "c", "a"],
        ["c", "a", "b"],
        ["a", "b", "c"],
    ]
    assert {len(seconds) for seconds in timings.seconds.values()} == {4}


def test_a_ratio_is_taken_within_a_round():
    timings = Timings({"own": [1.0, 10.0, 1.0], "baseline": [3.0, 30.0, 3.0]})
    assert timings.times_as_fast("own", "baseline") == pytest.approx(3.0)
    assert timings.ratio("own", "baseline") == pytest.approx(1 / 3)


def test_the_fastest_has_the_lowest_median():
    timings = Timings({"steady": [2.0, 2.0, 2.0], "lucky": [1.0, 3.0, 3.0]})
    assert timings.fastest("steady", "lucky") == "steady"


def test_the_spread_is_the_interquartile_range():
    assert Timings({"one": [1.0, 2.0, 3.0, 4.0, 5.0]}).spread("one") == pytest.approx(2 / 3)
    assert Timings({"one": [1.0]}).spread("one") == 0.0
