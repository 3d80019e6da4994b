"""A tree of clusters: what moves together is merged early."""

from collections.abc import Sequence

from markupsafe import Markup

from reports.figures.frame import draw_figure
from reports.figures.svg import Scale, draw_text
from research.statistics.clustering import Cluster

_WIDTH, _LEFT, _RIGHT, _TOP, _STEP = 940, 40, 740, 12, 26


def draw_dendrogram(title: str, description: str, names: Sequence[str], tree: Cluster) -> Markup:
    """Return a tree whose leaves are on the right; the farther left, the less alike.

    Parameters
    ----------
    names
        Of the members, by their number.
    """
    order = {member: place for place, member in enumerate(tree.members)}
    bottom = _TOP + _STEP * len(names)
    x = Scale(0.0, max(tree.distance, 1e-9), _RIGHT, _LEFT)
    content = _draw_axis(x, bottom)
    for member, place in order.items():
        content += draw_text(_RIGHT + 8, _TOP + _STEP * (place + 0.5) + 4, names[member])
    content += f'<path d="{_draw_branches(tree, order, x)[0]}" fill="none" stroke="var(--c1)" '
    content += 'stroke-width="2"/>'
    return draw_figure(title, description, (_WIDTH, bottom + 24), content)


def _draw_branches(one: Cluster, order: dict[int, int], x: Scale) -> tuple[str, float]:
    """Return the lines below a cluster, and how far down its own line is."""
    if not one.parts:
        return "", _TOP + _STEP * (order[one.members[0]] + 0.5)
    drawn = [(part, *_draw_branches(part, order, x)) for part in one.parts]
    left = x.at(one.distance)
    lines = "".join(
        f"{below}M{x.at(part.distance):.1f} {down:.1f}H{left:.1f}" for part, below, down in drawn
    )
    (*_, first), (*_, last) = drawn
    return f"{lines}M{left:.1f} {first:.1f}V{last:.1f}", (first + last) / 2


def _draw_axis(x: Scale, bottom: float) -> str:
    ticks = "".join(
        f'<path class="rule" d="M{at:.1f} {_TOP}V{bottom}"/>'
        + draw_text(at, bottom + 16, name, "middle")
        for name, at in x.ticks(5)
    )
    return ticks + draw_text(_RIGHT + 20, bottom + 16, "distance")
