"""What a report can't be made of."""

from strategies.errors import GauntletError


class ReportError(GauntletError):
    """There is nothing to report, or a page leads to one that does not exist."""
