"""Clusters of curves, against scipy."""

import numpy as np
import pytest
from scipy.cluster.hierarchy import cophenet, linkage
from scipy.spatial.distance import squareform

from research.statistics.clustering import Cluster, cluster_by_correlation, correlate


def _curves() -> np.ndarray:
    generator = np.random.default_rng(3)
    shared = generator.normal(size=(3, 400))
    return np.array([shared[place % 3] + generator.normal(size=400) for place in range(8)])


def _heights(tree: Cluster) -> dict[tuple[int, int], float]:
    """Return at which distance each pair is merged."""
    if not tree.parts:
        return {}
    first, second = tree.parts
    own = {(min(a, b), max(a, b)): tree.distance for a in first.members for b in second.members}
    return own | _heights(first) | _heights(second)


def test_the_tree_is_that_of_scipy():
    correlations = correlate(_curves())
    np.testing.assert_allclose(correlations, np.corrcoef(_curves()), atol=1e-12)
    assert (np.diagonal(correlations) == 1.0).all()
    tree = cluster_by_correlation(correlations)
    distances = np.sqrt((1.0 - correlations) / 2.0)
    np.fill_diagonal(distances, 0.0)
    merged = squareform(cophenet(linkage(squareform(distances, checks=False), "average")))
    found = _heights(tree)
    assert sorted(tree.members) == list(range(8))
    assert len(found) == 28
    for (a, b), height in found.items():
        assert height == pytest.approx(merged[a, b], abs=1e-12)
    # What was made of the same returns is beside each other.
    places = {member: place for place, member in enumerate(tree.members)}
    assert max(places[one] for one in (0, 3, 6)) - min(places[one] for one in (0, 3, 6)) == 2


def test_a_curve_that_never_moves_is_uncorrelated():
    curves = np.vstack([_curves()[:2], np.zeros(400)])
    correlations = correlate(curves)
    assert np.isnan(correlations[2]).all()
    assert not np.isnan(correlations[:2, :2]).any()
    assert len(cluster_by_correlation(correlations).members) == 3


def test_one_curve_is_a_tree():
    assert cluster_by_correlation(np.ones((1, 1))) == Cluster((0,))
