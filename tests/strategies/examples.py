"""Settings of hypothesis: the number of examples, without limits on time."""

from typing import Any

from hypothesis import HealthCheck, settings


def examples(number: int, **others: Any) -> settings:
    """Return settings for `number` examples, which do not fail on a busy machine."""
    checks = [HealthCheck.too_slow]
    return settings(max_examples=number, deadline=None, suppress_health_check=checks, **others)
