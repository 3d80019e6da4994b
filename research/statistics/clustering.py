"""Clusters of curves that move together."""

from dataclasses import dataclass

import numpy as np

from strategies.base import Floats


@dataclass(frozen=True)
class Cluster:
    """A curve, or two clusters that were merged.

    Parameters
    ----------
    members
        The curves, neighbours beside each other: the order of a dendrogram's leaves.
    distance
        Of the merged two, 0 for a single curve.
    parts
        The merged two; empty for a single curve.
    """

    members: tuple[int, ...]
    distance: float = 0.0
    parts: "tuple[Cluster, ...]" = ()


def cluster_by_correlation(correlations: Floats) -> Cluster:
    """Return the tree of curves by average linkage, of one curve or more.

    The distance of two curves is sqrt((1 - correlation) / 2), 0 for the same and 1 for opposite
    ones; one of an undefined correlation counts as uncorrelated. The distance of clusters is the
    mean over pairs of their members.

    Source: Sokal & Michener 1958, A statistical method for evaluating systematic relationships;
    the distance is that of Lopez de Prado 2016, Building diversified portfolios that outperform
    out of sample.

    Parameters
    ----------
    correlations
        Shape (N, N), symmetric.
    """
    known = np.nan_to_num(correlations, nan=0.0)
    distances = np.sqrt(np.clip((1.0 - known) / 2.0, 0.0, 1.0))
    clusters = [Cluster((one,)) for one in range(len(distances))]
    while len(clusters) > 1:
        between = {
            (first, second): float(distances[np.ix_(one.members, other.members)].mean())
            for first, one in enumerate(clusters)
            for second, other in enumerate(clusters)
            if first < second
        }
        first, second = min(between, key=lambda pair: (round(between[pair], 12), pair))
        one, other = clusters[first], clusters[second]
        merged = Cluster(one.members + other.members, between[first, second], (one, other))
        del clusters[second]
        clusters[first] = merged
    return clusters[0]


def correlate(curves: Floats) -> Floats:
    """Return the correlations of curves, shape (N, N); NaN with one that has no variance.

    Parameters
    ----------
    curves
        Shape (N, T), two bars or more.
    """
    distance = curves - curves.mean(axis=1, keepdims=True)
    length = np.sqrt((distance * distance).sum(axis=1))
    length[length <= 1e-15 * np.sqrt(curves.shape[1])] = np.nan
    scaled = distance / length[:, np.newaxis]
    correlations = np.clip(np.einsum("it,jt->ij", scaled, scaled), -1.0, 1.0)
    # Which its sum may miss by a bit.
    np.fill_diagonal(correlations, np.where(np.isnan(length), np.nan, 1.0))
    return correlations
