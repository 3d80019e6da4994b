"""Requests that overlap in time, directly or through others, are summarized together."""

from datetime import UTC, datetime, timedelta

import pytest

from assets.requests.concurrency import RequestRun, summarize_overlapping

NOON = datetime(2026, 1, 5, 12, tzinfo=UTC)


def request(name: str, began: float, ended: float | None, rate: float = 1.0) -> RequestRun:
    """Return the run of a request with its times in seconds after noon."""
    at = NOON + timedelta(seconds=began)
    if ended is None:
        return RequestRun(name, at, None, None, None)
    return RequestRun(name, at, NOON + timedelta(seconds=ended), rate >= 0.8, rate)


def test_a_request_without_overlap_is_summarized_alone():
    found = summarize_overlapping("b", [request("a", 0, 10, 0.0), request("b", 20, 30)], NOON)
    assert (found.requests, found.ended) == (1, 1)
    assert (found.success_rate, found.symbol_success_rate, found.wall_seconds) == (1.0, 1.0, 10.0)


def test_indirectly_overlapping_requests_are_summarized_together():
    runs = [
        request("before", 0, 5),
        request("a", 10, 20, 0.6),
        request("b", 15, 40),
        request("c", 35, 50),
        request("after", 60, 70),
    ]
    for name in "abc":
        found = summarize_overlapping(name, runs, NOON)
        assert (found.requests, found.ended) == (3, 3)
        assert found.success_rate == pytest.approx(2 / 3)
        assert found.symbol_success_rate == pytest.approx((0.6 + 1 + 1) / 3)
        assert found.wall_seconds == 40.0
        assert found.failed_runs == ("a",)


def test_an_open_request_counts_in_time_but_not_in_rates():
    runs = [request("a", 0, 10), request("b", 5, None)]
    found = summarize_overlapping("a", runs, NOON + timedelta(seconds=100))
    assert (found.requests, found.ended, found.success_rate) == (2, 1, 1.0)
    assert found.wall_seconds == 100.0
