"""Cells of a heat map: numbers, shaded by how far they are from 0."""

from reports.numbers import is_undefined
from reports.tables import Cell

_STEPS = 5


def shade(value: float | None, reach: float, *, note: str = "", href: str = "") -> Cell:
    """Return a cell that is shaded in one of ten steps, five on each side of 0.

    Parameters
    ----------
    reach
        The distance from 0 at which a cell has the strongest shade.
    note, href
        As in `reports.tables.Cell`.
    """
    if value is None or is_undefined(value) or not reach > 0.0:
        return Cell(value, href, "heat", note)
    step = min(round(abs(value) / reach * _STEPS), _STEPS)
    side = "up" if value > 0.0 else "down"
    return Cell(value, href, f"heat {side}{step}" if step else "heat", note)
