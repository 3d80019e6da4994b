"""Sessions of one rush are those that overlap, and are judged together."""

from datetime import UTC, datetime, timedelta

import pytest

from assets.requests.concurrency import Session, together_with

NOON = datetime(2026, 1, 5, 12, tzinfo=UTC)


def session(name: str, began: float, ended: float | None, inside: float = 1.0) -> Session:
    """Return a session with its times in seconds after noon."""
    at = NOON + timedelta(seconds=began)
    if ended is None:
        return Session(name, at, None, None, None)
    return Session(name, at, NOON + timedelta(seconds=ended), inside >= 0.8, inside)


def test_alone_it_is_judged_alone():
    found = together_with("b", [session("a", 0, 10, 0.0), session("b", 20, 30)], NOON)
    assert (found.sessions, found.ended) == (1, 1)
    assert (found.succeeded, found.inside, found.wall_seconds) == (1.0, 1.0, 10.0)


def test_those_that_overlap_by_others_are_one_rush():
    sessions = [
        session("before", 0, 5),
        session("a", 10, 20, 0.6),
        session("b", 15, 40),
        session("c", 35, 50),
        session("after", 60, 70),
    ]
    for name in "abc":
        found = together_with(name, sessions, NOON)
        assert (found.sessions, found.ended) == (3, 3)
        assert found.succeeded == pytest.approx(2 / 3)
        assert found.inside == pytest.approx((0.6 + 1 + 1) / 3)
        assert found.wall_seconds == 40.0
        assert found.failed == ["a"]


def test_an_open_one_counts_as_there_until_now_and_is_not_judged():
    sessions = [session("a", 0, 10), session("b", 5, None)]
    found = together_with("a", sessions, NOON + timedelta(seconds=100))
    assert (found.sessions, found.ended, found.succeeded) == (2, 1, 1.0)
    assert found.wall_seconds == 100.0
