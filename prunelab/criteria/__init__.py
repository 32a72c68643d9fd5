"""group -> scores: one criterion a file, named in one table.

A new criterion is a file with a class of a name and a ``__call__(material) -> (units,)``, a line here, and a test. An
instance of one's own works wherever a name does.
"""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING

import numpy as np

from prunelab.criteria.base import Array, Criterion, Material
from prunelab.criteria.l1_weight import L1Weight
from prunelab.criteria.l2_weight import L2Weight
from prunelab.criteria.mean import Mean
from prunelab.criteria.random import Random
from prunelab.errors import OptionError, shown, unknown_name

if TYPE_CHECKING:
    from prunelab.graph import Graph, Group

CRITERIA: dict[str, Criterion] = {
    "l1_weight": L1Weight(),
    "l2_weight": L2Weight(),
    "mean": Mean(),
    "random": Random(),
}


def criterion_of(criterion: str | Criterion) -> Criterion:
    """The criterion of that name, or the instance itself.

    Raises:
        UnknownNameError: no criterion is called so.
    """
    if isinstance(criterion, str):
        if criterion not in CRITERIA:
            raise unknown_name("criterion", criterion, CRITERIA)
        return CRITERIA[criterion]
    if not callable(criterion) or not hasattr(criterion, "name"):
        raise OptionError(f"criterion is {shown(criterion)}; give one of {', '.join(CRITERIA)}, or an object with a "
                          "name that is called with a Material and gives (units,) scores")
    return criterion


def score(graph: Graph, group: Group, criterion: str | Criterion = "l1_weight", *, seed: int = 0) -> Array:
    """A score for each unit of ``group``: (units,), float64, higher is kept.

    Raises:
        OptionError: a criterion that gives another shape, or something that is not finite.
    """
    chosen = criterion_of(criterion)
    makers = {name: w.astype(np.float64) for name, w in graph.slices(group).items()}
    if not makers:
        makers = {"weights": graph.weights(group).astype(np.float64)}
    # a generator for each group, so that ignoring one changes no other's draws
    rng = np.random.default_rng([seed, zlib.crc32(group.name.encode())])
    scores = np.asarray(chosen(Material(makers, group.units, rng)), np.float64)
    if scores.shape != (group.units,):
        raise OptionError(f"the criterion {chosen.name} gave scores of shape {scores.shape} for {group.name}; "
                          f"it has {group.units} units, so the shape must be ({group.units},)")
    if not np.isfinite(scores).all():
        bad = scores[~np.isfinite(scores)][0]
        raise OptionError(f"the criterion {chosen.name} gave {bad} for a unit of {group.name}; "
                          "scores are finite: look at the layer's weights for NaN or infinity")
    return scores


__all__ = ["CRITERIA", "Criterion", "Material", "criterion_of", "score"]
