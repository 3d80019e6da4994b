"""Versions that name their source of prices: `1@synthetic` is version 1 of that source.

The code version of a partitioned asset names the source of the settings, the data version of each
partition the source that it was made from. Dagster shows a partition as stale when the first does
not equal that of its materialization; `partition_status` reads the sources.
"""

_SEPARATOR = "@"


def add_source(version: str, source: str) -> str:
    """Return a version with a source, in place of one that it may have."""
    return f"{drop_source(version)}{_SEPARATOR}{source}"


def drop_source(version: str) -> str:
    """Return a version without its source."""
    return version.partition(_SEPARATOR)[0]


def get_source(version: str) -> str | None:
    """Return the source of a version; None if it has none."""
    return version.partition(_SEPARATOR)[2] or None


def is_of_source(version: str, source: str | None) -> bool:
    """Return whether a version is of a source; one that names none is of any.

    So is every version where there is no source to compare with.
    """
    return source is None or get_source(version) in (None, source)
