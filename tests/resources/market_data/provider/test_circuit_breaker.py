import logging
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import pytest

from resources.market_data.provider.circuit_breaker import CircuitBreaker, CircuitOpenError

ERROR = RuntimeError("AAPL: no answer.")
REST = 30


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def _open(clock: Clock, failures: int = 3) -> CircuitBreaker:
    """Return a breaker that has just opened."""
    breaker = CircuitBreaker("yahoo", failures, REST, clock)
    for _ in range(failures):
        breaker.before_call()
        breaker.record_failure(ERROR)
    return breaker


def test_interrupted_failures_do_not_open_the_circuit():
    breaker = CircuitBreaker("yahoo", 3, REST, Clock())
    for _ in range(10):
        for _ in range(2):
            breaker.before_call()
            breaker.record_failure(ERROR)
        breaker.record_success()
    breaker.before_call()


def test_consecutive_failures_open_the_circuit_with_the_reason():
    clock = Clock()
    breaker = _open(clock)
    clock.now += 10
    with pytest.raises(CircuitOpenError) as refused:
        breaker.before_call()
    assert str(refused.value) == (
        "circuit of 'yahoo' open after 3 failures; next attempt in 20 s; "
        "last failure: AAPL: no answer."
    )
    assert refused.value.retry_after == 20
    assert refused.value.transient


def test_half_open_one_caller_tries_and_success_closes():
    clock = Clock()
    breaker = _open(clock)
    clock.now += REST
    breaker.before_call()
    with pytest.raises(CircuitOpenError):
        breaker.before_call()
    breaker.record_success()
    breaker.before_call()
    breaker.before_call()


def test_half_open_a_failure_opens_for_the_same_time():
    clock = Clock()
    breaker = _open(clock)
    clock.now += REST
    breaker.before_call()
    breaker.record_failure(ERROR)
    clock.now += REST - 1
    with pytest.raises(CircuitOpenError):
        breaker.before_call()
    clock.now += 1
    breaker.before_call()


def test_half_open_a_released_attempt_goes_to_the_next_caller():
    clock = Clock()
    breaker = _open(clock)
    clock.now += REST
    breaker.before_call()
    breaker.release()
    breaker.before_call()


@pytest.mark.parametrize("late", ["release", "record_failure"])
def test_half_open_a_late_end_of_another_call_changes_nothing(late: str):
    clock = Clock()
    breaker = _open(clock)
    clock.now += REST
    breaker.before_call()
    end = {"release": breaker.release, "record_failure": partial(breaker.record_failure, ERROR)}
    with ThreadPoolExecutor(1) as other:
        other.submit(end[late]).result()
    with pytest.raises(CircuitOpenError, match="next attempt in 0 s"):
        breaker.before_call()
    breaker.release()
    breaker.before_call()


def test_late_failures_do_not_extend_the_open_time():
    clock = Clock()
    breaker = _open(clock)
    clock.now += REST - 1
    breaker.record_failure(ERROR)
    clock.now += 1
    breaker.before_call()


def test_opening_and_closing_are_logged(caplog: pytest.LogCaptureFixture):
    clock = Clock()
    with caplog.at_level(logging.WARNING):
        breaker = _open(clock)
        clock.now += REST
        breaker.before_call()
        breaker.record_success()
    opened, closed = [record.getMessage() for record in caplog.records]
    assert opened.startswith("circuit of 'yahoo' open after 3 failures; next attempt in 30 s")
    assert opened.endswith("AAPL: no answer.")
    assert closed == "yahoo: circuit closed, the provider answers again"
