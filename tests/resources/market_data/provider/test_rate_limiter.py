"""The rate limiter on slots with a clock that only sleeping advances."""

import itertools

import pytest

from resources.market_data.provider.rate_limiter import (
    USED_SHARE,
    RateLimiter,
    RateLimitExhaustedError,
)


class FakeSlots:
    """Slots in memory, with a clock that only sleeping advances."""

    def __init__(self) -> None:
        self.now = self.next_slot = 1000.0

    def take(self, space: float) -> float:
        if self.next_slot > self.now:
            return self.next_slot - self.now
        self.next_slot += space
        return 0.0

    def pause(self, seconds: float) -> None:
        self.next_slot = self.now + seconds

    def sleep(self, seconds: float) -> None:
        self.now += seconds


def _limiter(slots: FakeSlots, rate: float = 1.0, patience: float = 60.0) -> RateLimiter:
    return RateLimiter("yahoo", slots, rate, patience, slots.sleep)


@pytest.mark.parametrize("rate", [0.1, 0.5, 2, 20, 300])
def test_slots_are_spaced_evenly_below_the_rate(rate: float):
    slots, moments = FakeSlots(), []
    limiter = _limiter(slots, rate)
    for _ in range(40):
        limiter.acquire()
        moments.append(slots.now)
    spaces = [later - earlier for earlier, later in itertools.pairwise(moments)]
    assert spaces == pytest.approx([1 / rate / USED_SHARE] * 39)


def test_a_slot_beyond_the_patience_fails_at_once():
    slots = FakeSlots()
    limiter = _limiter(slots, patience=10)
    limiter.pause(60)
    for _ in range(2):
        with pytest.raises(RateLimitExhaustedError) as exhausted:
            limiter.acquire()
        assert str(exhausted.value) == (
            "rate limit of 'yahoo' exhausted; next slot in 60 s exceeds patience_seconds (10)"
        )
        assert exhausted.value.retry_after == 60
        assert exhausted.value.transient
    assert slots.now == 1000


def test_the_patience_ends_if_others_take_every_slot():
    slots = FakeSlots()

    def sleep(seconds: float) -> None:
        slots.sleep(seconds)
        slots.take(1.0)  # another caller is faster

    limiter = RateLimiter("yahoo", slots, 1, 10, sleep)
    limiter.acquire()
    with pytest.raises(RateLimitExhaustedError):
        limiter.acquire()
    assert slots.now <= 1010


def test_a_pause_during_the_wait_extends_it():
    slots = FakeSlots()

    def sleep(seconds: float) -> None:
        slots.sleep(seconds)
        if slots.now < 1002:
            slots.pause(30)

    limiter = RateLimiter("yahoo", slots, 1, 60, sleep)
    limiter.acquire()
    limiter.acquire()
    assert slots.now > 1030
