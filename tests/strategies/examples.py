"""How many examples hypothesis tries, and that none of it is a matter of time."""

from typing import Any

from hypothesis import HealthCheck, settings


def examples(number: int, **others: Any) -> settings:
    """Return settings for `number` examples, which a busy machine cannot make fail."""
    checks = [HealthCheck.too_slow]
    return settings(max_examples=number, deadline=None, suppress_health_check=checks, **others)
