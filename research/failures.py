"""Failures of several simulations as one list."""

from collections.abc import Iterable

from engine.failure import Failure


def add_failures(known: list[Failure], new: Iterable[Failure]) -> None:
    """Add failures to known ones, each symbol and strategy once: points of a grid fail alike."""
    places = {(one.symbol, one.strategy) for one in known}
    for failure in new:
        if (failure.symbol, failure.strategy) not in places:
            places.add((failure.symbol, failure.strategy))
            known.append(failure)
