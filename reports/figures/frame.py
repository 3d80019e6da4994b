"""What every chart has: a title, and a description that is read aloud, and axes with values."""

from collections.abc import Iterable

from markupsafe import Markup, escape

from reports.figures.svg import draw_text


def draw_figure(title: str, description: str, size: tuple[int, int], content: str) -> Markup:
    """Return a chart as a figure of a page; its colors are the style sheet's.

    Parameters
    ----------
    title
        Above the chart.
    description
        What it shows, with its most important numbers, in words: those who don't see it hear it.
        A table of the numbers belongs beside the chart.
    size
        Width and height in pixels; 940 wide fills a page, and a phone shows it smaller.
    content
        SVG elements whose texts are escaped, as `reports.figures.svg` returns them. Colors are
        ``var(--c1)`` to ``var(--c6)``, ``var(--ink)``, ``var(--soft)``, ``var(--rule)``.
    """
    width, height = size
    return Markup(  # noqa: S704 - what comes from outside is escaped
        f'<figure><figcaption>{escape(title)}</figcaption><div class="scroll">'
        f'<svg role="img" viewBox="0 0 {width} {height}"><title>{escape(description)}</title>'
        f"{content}</svg></div></figure>"
    )


def draw_grid(
    left: float, right: float, ticks: Iterable[tuple[str, float]], first: float = 0.0
) -> str:
    """Return horizontal lines with their values on the left.

    Parameters
    ----------
    ticks
        Names and places, as `reports.figures.svg.Scale.ticks` returns them.
    first
        Where the names end, in pixels from the left; 0 for 6 before `left`.
    """
    lines, names = "", ""
    for name, y in ticks:
        lines += f"M{left:.0f} {y:.0f}H{right:.0f}"
        names += draw_text(first or left - 6, round(y) + 4, name)
    return f'<path class="rule" d="{lines}"/><g text-anchor="end">{names}</g>'


def draw_days(bottom: float, ticks: Iterable[tuple[str, float]]) -> str:
    """Return the names of months or years below a chart."""
    names = "".join(draw_text(round(x), bottom + 16, name) for name, x in ticks)
    return f'<g text-anchor="middle">{names}</g>'
