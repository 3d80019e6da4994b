"""The verdicts that there are."""

from enum import StrEnum


class Verdict(StrEnum):
    """What is concluded of a strategy."""

    REJECTED = "rejected"
    """Luck explains its results, or they do not last out of sample."""
    PROMISING = "promising"
    """Neither its grid nor its best point is explained by luck."""
    DEPLOYABLE = "deployable"
    """And what walk-forward would have traded has earned something out of sample."""
