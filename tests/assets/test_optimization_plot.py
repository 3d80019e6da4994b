"""The heat map of a sweep: which parameters, which cells, which numbers."""

import re

import numpy as np
import pytest

from assets.optimization_plot import render_heat_map
from research.heat_map import HeatMap

POINTS = [{"a": a, "b": b, "c": c} for a in (1, 2, 3) for b in (10, 20) for c in (0.5, 0.7)]
VALUES = np.array([one["a"] + one["b"] + 0.1 * one["c"] for one in POINTS])


def test_the_axes_are_the_two_parameters_with_most_effect():
    found = HeatMap.of(POINTS, VALUES, POINTS[5])
    assert found is not None
    assert (found.column, found.row, found.others) == ("b", "a", {"c": 0.7})
    expected = [[a + b + 0.07 for b in (10, 20)] for a in (1, 2, 3)]
    np.testing.assert_allclose(found.cells, expected)
    assert found.marked == (1, 0)
    assert found.describe_others() == "at c 0.7; framed: the centre of the plateau"
    assert found.table().columns == ["a \\ b", "10", "20"]


def test_points_that_were_drawn_are_averaged():
    drawn = [0, 1, 6, 11]
    found = HeatMap.of([POINTS[n] for n in drawn], VALUES[drawn], POINTS[0], averaged=True)
    assert found is not None
    assert found.cells[0, 0] == pytest.approx(1 + 10 + 0.06)
    assert np.isnan(found.cells[0, 1]), "nothing was tried there"
    assert found.describe_others().startswith("mean over the points tried, whatever c")


def test_one_parameter_is_one_row_and_none_is_no_map():
    points = [{"a": value} for value in (1, 2, 4)]
    found = HeatMap.of(points, np.array([0.5, np.nan, -1.0]), points[0])
    assert found is not None
    assert found.table().rows() == [("residual Sharpe ratio", 0.5, None, -1.0)]
    assert HeatMap.of(points[:1], np.array([0.5]), points[0]) is None


def test_texts_are_an_axis_of_their_own():
    points = [
        {"weighting": one, "entry_vote": vote, "members": "macd+rsi"}
        for one in ("equal", "sharpe", "stacked")
        for vote in (0.52, 0.6)
    ]
    found = HeatMap.of(points, np.array([0.1, 0.2, 0.9, 1.0, 0.4, 0.5]), points[2])
    assert found is not None
    assert (found.column, found.columns) == ("weighting", ["equal", "sharpe", "stacked"])
    assert found.cells.tolist() == [[0.1, 0.9, 0.4], [0.2, 1.0, 0.5]]
    assert found.describe_others() == "at members macd+rsi; framed: the centre of the plateau"
    assert found.table().columns == ["entry_vote \\ weighting", "equal", "sharpe", "stacked"]
    assert ">stacked<" in render_heat_map(found, ("title", "caption")).decode()


def test_each_number_of_the_picture_has_its_colour_and_place():
    points = [{"a": value} for value in (1, 2, 4)]
    found = HeatMap.of(points, np.array([0.5, np.nan, -1.0]), points[2])
    assert found is not None
    svg = render_heat_map(found, ["title"]).decode()
    shown = re.findall(r'<rect x="([\d.]+)" y="70.0" [^>]*fill="(#?\w+)"[^>]*/>', svg)
    # Half of the way to blue, nothing, and the deepest red, framed.
    assert shown == [
        ("96.0", "#90b2d6"),
        ("276.0", "none"),
        ("456.0", "#b2182b"),
        ("456.0", "none"),
    ]
    assert re.findall(r">(-?[\d.]+)</text>", svg)[:5] == ["0.50", "-1.00", "1", "2", "4"]
    assert svg.count(">1.00</text>") == 1, "the end of the scale"


def test_many_values_have_few_labels_and_no_numbers():
    points = [{"a": a, "b": b} for a in range(100) for b in range(80)]
    found = HeatMap.of(points, np.arange(8000.0), points[0])
    assert found is not None
    svg = render_heat_map(found, ["title"]).decode()
    assert svg.count("<text") < 70
