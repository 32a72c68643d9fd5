"""Point clustering: units that respond alike stand for one another."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from prunelab.criteria.base import Activations, Array, Material
from prunelab.criteria.grouped import Normalized
from prunelab.criteria.similarity import covariance
from prunelab.errors import OptionError


@dataclass(frozen=True, kw_only=True)
class Cluster(Normalized):
    """k-means over the units' responses; a ratio cut takes that ratio of each cluster, its representative last.

    ``score(u) = 1 - r_u / n_c``, with r the rank of u by its distance to the centre of its cluster c (0 the nearest,
    the representative) and n_c the cluster's size. ``clusters`` is a number, or a fraction of the units.

    After Dubey, Chatterjee, Ahuja: Coreset-Based Neural Network Compression, 2018 (arXiv:1807.09810), and Son, Nah,
    Lee: Clustering Convolutional Kernels to Compress Deep Neural Networks, ECCV 2018.
    """

    name = "cluster"
    needs = ("activations",)
    comparable = True
    clusters: float = 0.25

    def __post_init__(self) -> None:
        super().__post_init__()
        if isinstance(self.clusters, bool) or not self.clusters > 0:
            raise OptionError(f"clusters is {self.clusters!r}; it is a number of clusters such as 8, or a fraction of "
                              "the units such as 0.25")

    def scores(self, material: Material) -> Array:
        assert material.activations is not None
        n = self.clusters if self.clusters >= 1 else self.clusters * material.units
        labels, distance = cluster_units(material.activations, max(1, min(material.units, round(n))), material.rng)
        scores = np.empty(material.units)
        for label in np.unique(labels):
            inside = np.flatnonzero(labels == label)
            scores[inside[np.argsort(distance[inside], kind="stable")]] = 1 - np.arange(len(inside)) / len(inside)
        return scores


def cluster_units(activations: Activations, n: int, rng: np.random.Generator) -> tuple[Array, Array]:
    """k-means of the centred responses: a label for each unit, and its distance to its cluster's centre.

    Responses themselves are not kept: their covariance is, and its square root has the same distances.
    """
    from sklearn.cluster import KMeans

    values, vectors = np.linalg.eigh(covariance(activations))
    points = vectors * np.sqrt(np.maximum(values, 0.0))
    distinct = len(np.unique(np.round(points / max(float(np.abs(points).max()), 1e-30), 9), axis=0))
    found = KMeans(min(n, distinct), n_init=4, random_state=int(rng.integers(2**31))).fit(points)
    return found.labels_, np.linalg.norm(points - found.cluster_centers_[found.labels_], axis=1)
