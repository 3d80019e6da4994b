"""Charts of few bytes keep what matters: extremes, counts, and the order of a tree."""

import re

import numpy as np
import pytest

from reports.figures.coarse_curve import PlacedCurve, draw_coarse_curves
from reports.figures.dendrogram import draw_dendrogram
from reports.figures.histogram import draw_histogram, find_edges
from reports.figures.line_chart import Curve, draw_lines
from reports.figures.pair_chart import draw_pairs
from reports.heat import shade
from research.statistics.clustering import Cluster
from strategies.base import Floats


def _points(path: str) -> np.ndarray:
    drawn = path.partition('d="M')[2].partition('"')[0]
    numbers = np.array([int(one) for one in re.findall(r"-?\d+", drawn)])
    return numbers.reshape(-1, 2).cumsum(axis=0)


def _draw(x: Floats, y: Floats, pieces: int) -> np.ndarray:
    (line,) = draw_coarse_curves([PlacedCurve(x, y, "red", pieces)])
    return _points(line)


def test_a_coarse_curve_keeps_its_ends_and_extremes():
    y = np.random.default_rng(2).normal(100.0, 30.0, 1003)
    x = np.linspace(10.0, 900.0, 1003)
    points = _draw(x, y, 40)
    assert 41 <= len(points) <= 82
    assert points[[0, -1]].tolist() == np.rint([[x[0], y[0]], [x[-1], y[-1]]]).tolist()
    assert (points[:, 1].min(), points[:, 1].max()) == (np.rint(y.min()), np.rint(y.max()))
    assert (np.diff(points[:, 0]) >= 0).all()


def test_a_level_stretch_is_one_move():
    y = np.array([5.0] * 60 + [9.0] * 60)
    points = _draw(np.arange(120.0), y, 30)
    assert points.tolist() == [[0, 5], [56, 5], [60, 9], [119, 9]]


def test_a_rise_has_only_the_points_that_are_seen():
    x = np.linspace(0.0, 800.0, 1601)
    y = 200.0 - x / 4.0 + 20.0 * np.sin(x / 100.0)
    points = _draw(x, y, 80)
    assert len(points) < 50
    off = np.abs(np.interp(x, *points.T) - y)
    assert off.max() < 2.0, "pixels"
    straight = _draw(x, x / 2.0, 80)
    assert len(straight) < 50
    assert (straight[:, 0] == straight[:, 1] * 2).all()


def test_a_curve_is_the_same_line_among_others():
    random, level = np.random.default_rng(3), np.full(500, 7.0)
    curves = [
        PlacedCurve(np.linspace(0.0, 800.0, len(y)), y, f"var(--c{number})", pieces)
        for number, (y, pieces) in enumerate(
            [
                (random.normal(100.0, 30.0, 500), 40),
                (level, 40),
                (random.normal(100.0, 5.0, 500), 90),
                (np.ones(1), 40),
                (random.normal(0.0, 50.0, 499).cumsum(), 40),
            ]
        )
    ]
    assert draw_coarse_curves(curves) == [draw_coarse_curves([one])[0] for one in curves]


def test_one_point_is_drawn():
    assert _draw(np.zeros(1), np.ones(1), 5).tolist()[0] == [0, 1]


def test_bars_of_a_histogram_have_their_counts():
    values = np.array([-0.31, -0.02, 0.0, 0.04, 0.05, 0.11, np.nan])
    edges = find_edges(values[:-1])
    assert 0.0 in edges
    drawn = str(draw_histogram("Title", "Words.", values, show=lambda one: f"{one:.2f}"))
    counts = [int(one) for one in re.findall(r'middle">(\d+)</text>', drawn)]
    assert counts == [count for count in np.histogram(values[:-1], edges)[0].tolist() if count]
    assert "There is no data" in draw_histogram("T", "W.", np.full(3, np.nan), show=str)


def test_leaves_of_a_tree_are_in_its_order():
    pair = Cluster((2, 0), 0.25, (Cluster((2,)), Cluster((0,))))
    tree = Cluster((2, 0, 1), 0.5, (pair, Cluster((1,))))
    drawn = str(draw_dendrogram("Title", "Words.", ["a", "b", "c"], tree))
    assert re.findall(r">([abc])</text>", drawn) == ["c", "a", "b"]
    # 0.5 is at the left end of the axis, 0.25 halfway.
    assert "H390.0" in drawn
    assert "H40.0" in drawn


def test_undefined_values_have_no_bar():
    series = (("one", np.array([1.0, np.nan])), ("other", np.array([-0.5, 2.0])))
    drawn = str(draw_pairs("Title", "Words.", ["a", "b"], series))
    assert drawn.count("<rect") == 3 + 2  # and the two of the legend


def test_shades_grow_with_the_distance_from_zero():
    kinds = [shade(value, 1.0).kind for value in (-2.0, -0.5, 0.05, 0.3, 1.0)]
    assert kinds == ["heat down5", "heat down2", "heat", "heat up2", "heat up5"]
    assert [shade(value, 1.0).kind for value in (None, float("nan"))] == ["heat", "heat"]


@pytest.mark.parametrize(
    ("lowest", "title"),
    [(0.2, "Value, logarithmic"), (0.0, "Value"), (-0.3, "Value"), (np.nan, "Value, logarithmic")],
)
@pytest.mark.parametrize("pieces", [0, 3])
def test_what_is_not_positive_has_a_linear_axis(lowest: float, title: str, pieces: int):
    days = np.arange("2022-01-01", "2022-01-11", dtype="datetime64[D]")
    curves = [
        Curve("a", days, np.array([1.0, 0.5, lowest, 0.4, 0.6, 0.7, 0.8, 0.9, 1.1, 1.2])),
        Curve("b", days, np.linspace(1.0, 1.5, 10)),
    ]
    drawn = str(draw_lines("Value", "W.", curves, logarithmic=True, level=1.0, pieces=pieces))
    assert f"<figcaption>{title}</figcaption>" in drawn
    assert "nan" not in drawn
    # The places of ticks are equally far apart on a linear axis.
    (rule,) = re.findall(r'class="rule" d="([^"]+)"', drawn)
    steps = np.diff([float(one) for one in re.findall(r"M\d+ (\d+)H", rule)])
    assert (np.ptp(steps) <= 1.0) == (title == "Value")
