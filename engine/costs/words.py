"""How amounts are said beside leaderboards and in reports."""


def say_percent(fraction: float) -> str:
    """Return a fraction in percent: 0.001 is ``0.1 %``."""
    return f"{fraction * 100:.4g} %"
