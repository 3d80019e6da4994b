"""How amounts are said beside leaderboards and in reports."""


def say_percent(fraction: float) -> str:
    """Return a fraction in percent: 0.001 is ``0.1 %``."""
    return f"{fraction * 100:.4g} %"


def say_amount(amount: float) -> str:
    """Return an amount with up to four digits, as 0.005 or 1."""
    return f"{amount:.4g}"
