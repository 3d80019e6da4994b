import logging

import pytest

from resources.market_data.provider.circuit_breaker import CircuitBreaker, CircuitOpenError

REASON = RuntimeError("AAPL: no answer.")


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def _open(clock: Clock, failures: int = 3) -> CircuitBreaker:
    """Return a breaker that has just opened, and rests for 30 s."""
    breaker = CircuitBreaker("yahoo", failures, 30, clock)
    for _ in range(failures):
        breaker.before()
        breaker.failed(REASON)
    return breaker


def test_failures_with_an_answer_between_them_never_open_it():
    breaker = CircuitBreaker("yahoo", 3, 30, Clock())
    for _ in range(10):
        for _ in range(2):
            breaker.before()
            breaker.failed(REASON)
        breaker.answered()
    breaker.before()


def test_so_many_failures_in_a_row_open_it_and_the_error_says_why_and_until_when():
    clock = Clock()
    breaker = _open(clock)
    clock.now += 10
    with pytest.raises(CircuitOpenError) as refused:
        breaker.before()
    assert str(refused.value) == (
        "'yahoo' was not asked: it has failed 3 times in a row and is left alone for another 20 s. "
        "The last failure: AAPL: no answer."
    )
    assert refused.value.retry_after == 20
    assert refused.value.transient


def test_after_its_rest_one_may_try_and_an_answer_closes_it():
    clock = Clock()
    breaker = _open(clock)
    clock.now += 30
    breaker.before()
    with pytest.raises(CircuitOpenError):
        breaker.before()
    breaker.answered()
    breaker.before()
    breaker.before()


def test_who_tries_and_fails_opens_it_for_as_long_again():
    clock = Clock()
    breaker = _open(clock)
    clock.now += 30
    breaker.before()
    breaker.failed(REASON)
    clock.now += 29
    with pytest.raises(CircuitOpenError):
        breaker.before()
    clock.now += 1
    breaker.before()


def test_who_was_to_try_and_did_not_ask_leaves_it_to_the_next():
    clock = Clock()
    breaker = _open(clock)
    clock.now += 30
    breaker.before()
    breaker.withdrew()
    breaker.before()


def test_late_failures_of_others_do_not_prolong_the_rest():
    clock = Clock()
    breaker = _open(clock)
    clock.now += 29
    breaker.failed(REASON)
    clock.now += 1
    breaker.before()


def test_it_says_so_in_the_log_when_it_opens_and_when_it_closes(caplog: pytest.LogCaptureFixture):
    clock = Clock()
    with caplog.at_level(logging.WARNING):
        breaker = _open(clock)
        clock.now += 30
        breaker.before()
        breaker.answered()
    opened, closed = [record.getMessage() for record in caplog.records]
    assert opened.startswith("yahoo has failed 3 times in a row: its circuit is open")
    assert opened.endswith("AAPL: no answer.")
    assert closed == "yahoo answers again: its circuit is closed."
