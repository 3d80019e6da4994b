"""What a run is for: only results of one purpose are compared with each other."""

from enum import StrEnum


class Purpose(StrEnum):
    """The purpose of a run, and so of every result that it has."""

    PIPELINE = "pipeline"
    WHAT_IF = "what_if"
    """A run of the asset graph with other than the configured settings."""
    REQUEST = "request"
    SWEEP = "sweep"
    WALK_FORWARD = "walk_forward"
    PORTFOLIO = "portfolio"
    NOTEBOOK = "notebook"
    """Also of whatever is saved by no run at all."""
