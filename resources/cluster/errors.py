"""Errors of a cluster; each says in one line what to do."""

from strategies.errors import GauntletError


class ClusterError(GauntletError):
    """The cluster can't compute the run; what it has computed is kept."""


class EditionError(ClusterError):
    """A worker has other code, libraries or another processor than the driver."""
