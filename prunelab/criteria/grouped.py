"""Criteria that score each member of a group and bring the scores together.

The options are named as in Torch-Pruning (Fang, Ma, Song, Mi, Wang: DepGraph, 2023, arXiv:2301.12900): a group
``reduction`` over its members, then a ``normalize`` over its units.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from prunelab.criteria.base import Array, Material
from prunelab.errors import unknown_name

# (members, units) -> (units,); a gate is what lets a unit through: the last member, which scales or reads it
REDUCTIONS: Mapping[str, Callable[[Array], Array]] = {
    "sum": lambda s: s.sum(axis=0),
    "mean": lambda s: s.mean(axis=0),
    "max": lambda s: s.max(axis=0),
    "first": lambda s: s[0],
    "gate": lambda s: s[-1],
}


def lamp(scores: Array) -> Array:
    """``score(u) = s_u / sum_{v: s_v >= s_u} s_v``; of equal ones the earlier stands lower.

    Lee, Park, Mo, Ahn, Shin: Layer-Adaptive Sparsity for the Magnitude-Based Pruning, 2021 (arXiv:2010.07611), whose s
    are squares; as Torch-Pruning does, whatever is scored is taken as it is.
    """
    order = np.argsort(scores, kind="stable")
    ascending = scores[order]
    at_least = np.cumsum(ascending[::-1])[::-1]
    out = np.empty(len(scores))
    out[order] = np.divide(ascending, at_least, out=np.zeros_like(ascending), where=at_least > 0)
    return out


def _gaussian(scores: Array) -> Array:
    spread = float(scores.std(ddof=1)) if len(scores) > 1 else 0.0  # of a sample, as Torch-Pruning's
    return _divided(scores - scores.mean(), spread)


def _divided(scores: Array, by: float) -> Array:
    return scores / by if by > 0 else scores


NORMALIZATIONS: Mapping[str, Callable[[Array], Array]] = {
    "none": lambda s: s,
    "mean": lambda s: _divided(s, float(np.abs(s).mean())),
    "max": lambda s: _divided(s, float(np.abs(s).max())),
    "lamp": lamp,
    "gaussian": _gaussian,
}


@dataclass(frozen=True, kw_only=True)
class Grouped:
    """The base: a subclass scores one member's weights, (units, n) -> (units,).

    ``reduction`` is a name of `REDUCTIONS`, ``normalize`` one of `NORMALIZATIONS`. ``members``: which members count,
    "makers" (the layers that make the units), or "all" of them: makers, biases and gains, readers.
    """

    name: ClassVar[str]
    needs: ClassVar[tuple[str, ...]] = ()
    comparable: ClassVar[bool] = False
    reduction: str = "sum"
    normalize: str = "none"
    members: str = "makers"

    def __post_init__(self) -> None:
        for option, value, known in (("reduction", self.reduction, REDUCTIONS),
                                     ("normalize", self.normalize, NORMALIZATIONS),
                                     ("members", self.members, ("makers", "all"))):
            if value not in known:
                raise unknown_name(option, value, known, place=f"the criterion {self.name}")

    def __call__(self, material: Material) -> Array:
        members = dict(material.makers)
        if self.members == "all":
            members.update({**material.scales, **material.readers})
        scores = np.stack([self.member(material, key, weights) for key, weights in members.items()])
        return NORMALIZATIONS[self.normalize](self.finish(self.reduce(scores, list(members.values()))))

    def member(self, material: Material, key: str, weights: Array) -> Array:
        """The scores by one member: ``weights`` is (units, n), ``key`` finds its gradients."""
        raise NotImplementedError

    def reduce(self, scores: Array, members: Sequence[Array]) -> Array:
        """(members, units) -> (units,)."""
        return REDUCTIONS[self.reduction](scores)

    def finish(self, scores: Array) -> Array:
        """What is done to the reduced scores, before they are normalised."""
        return scores


@dataclass(frozen=True, kw_only=True)
class Normalized:
    """The base of criteria that look at a group as a whole; ``normalize`` is a name of `NORMALIZATIONS`."""

    name: ClassVar[str]
    needs: ClassVar[tuple[str, ...]] = ()
    comparable: ClassVar[bool] = False
    normalize: str = "none"

    def __post_init__(self) -> None:
        if self.normalize not in NORMALIZATIONS:
            raise unknown_name("normalize", self.normalize, NORMALIZATIONS, place=f"the criterion {self.name}")

    def __call__(self, material: Material) -> Array:
        return NORMALIZATIONS[self.normalize](np.asarray(self.scores(material), np.float64))

    def scores(self, material: Material) -> Array:
        """(units,), before they are normalised."""
        raise NotImplementedError
