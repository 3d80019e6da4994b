"""A calendar of years, one square per day: on which days something was missing."""

from collections.abc import Mapping
from datetime import date

from markupsafe import Markup

from reports.figures.frame import draw_figure
from reports.figures.svg import draw_text

_WIDTH, _LEFT, _TOP = 940, 52, 22
_SIZE, _DAYS = 16, 7
_YEAR_HEIGHT = _SIZE * _DAYS + 26
_LEVELS = ((0.5, 1.0), (0.1, 0.7), (0.0, 0.4))
"""From which share of the symbols on a square has how much of its color."""


def draw_calendar(
    title: str, description: str, first: date, last: date, shares: Mapping[date, float]
) -> Markup:
    """Return the years from `first` to `last`, weeks from left to right, Monday at the top.

    Days that are not in `shares` are empty; with a share above 0 they are the darker the higher it
    is, and say their day and share where the pointer rests on them.
    """
    years = range(first.year, last.year + 1)
    content = "".join(
        _draw_year(year, _TOP + _YEAR_HEIGHT * number, shares) for number, year in enumerate(years)
    )
    return draw_figure(title, description, (_WIDTH, _TOP + _YEAR_HEIGHT * len(years)), content)


def _draw_year(year: int, top: float, shares: Mapping[date, float]) -> str:
    content = draw_text(8, top + 12, str(year), font_weight="bold")
    weeks = _find_week(date(year, 12, 31)) + 1
    content += (
        f'<rect x="{_LEFT}" y="{top}" width="{weeks * _SIZE}" height="{_SIZE * _DAYS}" '
        'fill="var(--panel)"/>'
    )
    for month in range(1, 13):
        x = _LEFT + _find_week(date(year, month, 1)) * _SIZE
        content += draw_text(x, top - 4, f"{date(year, month, 1):%b}")
    for day, share in shares.items():
        if day.year == year and share > 0:
            content += _draw_day(day, share, top)
    return content


def _draw_day(day: date, share: float, top: float) -> str:
    opacity = next(opacity for least, opacity in _LEVELS if share > least)
    x = _LEFT + _find_week(day) * _SIZE
    return (
        f'<rect x="{x + 1}" y="{top + day.weekday() * _SIZE + 1}" width="{_SIZE - 2}" '
        f'height="{_SIZE - 2}" fill="var(--c2)" fill-opacity="{opacity}">'
        f"<title>{day.isoformat()}: {share:.1%}</title></rect>"
    )


def _find_week(day: date) -> int:
    """Return which column of its year a day is in."""
    return (day.timetuple().tm_yday - 1 + date(day.year, 1, 1).weekday()) // _DAYS
