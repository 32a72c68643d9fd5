"""group -> scores: one criterion a file, named in one table.

A new criterion is a file with a class of a name and a ``__call__(material) -> (units,)``, a line here, and a test. An
instance of one's own works wherever a name does. Those of single weights are functions on plain arrays too: `wanda`,
`sparsegpt`.
"""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING

import numpy as np

from prunelab.criteria.activation import Activation
from prunelab.criteria.apoz import Apoz
from prunelab.criteria.base import (
    NEEDS,
    Activations,
    Array,
    Criterion,
    InputMoments,
    Inputs,
    Material,
    Moments,
    is_comparable,
    needs_of,
)
from prunelab.criteria.bn_scale import BnScale
from prunelab.criteria.calibration import Calibration
from prunelab.criteria.channel_l1 import ChannelL1
from prunelab.criteria.cluster import Cluster, cluster_units
from prunelab.criteria.element import element_mask, n_m_mask
from prunelab.criteria.fisher import Fisher
from prunelab.criteria.geometric_median import GeometricMedian
from prunelab.criteria.grouped import NORMALIZATIONS, REDUCTIONS, Grouped
from prunelab.criteria.hrank import HRank
from prunelab.criteria.importance import Importance, ImportanceSampling
from prunelab.criteria.l1_weight import L1Weight
from prunelab.criteria.l2_weight import L2Weight
from prunelab.criteria.lamp import Lamp
from prunelab.criteria.mean import Mean
from prunelab.criteria.movement import FirstOrderMovement
from prunelab.criteria.obd import Obd
from prunelab.criteria.random import Random
from prunelab.criteria.reconstruction import Reconstruction
from prunelab.criteria.rows import LaterRows, gradient_rows, unit_rows
from prunelab.criteria.sensitivity import Sensitivity
from prunelab.criteria.similarity import Similarity
from prunelab.criteria.sparsegpt import SparseGPT, solve_masked, sparsegpt, sparsegpt_scores
from prunelab.criteria.taylor import Taylor, TaylorActivation
from prunelab.criteria.wanda import Wanda, wanda
from prunelab.errors import OptionError, shown, unknown_name

if TYPE_CHECKING:
    from prunelab.graph import Graph, Group

CRITERIA: dict[str, Criterion] = {
    "l1_weight": L1Weight(),
    "l2_weight": L2Weight(),
    "mean": Mean(),
    "random": Random(),
    "channel_l1": ChannelL1(),
    "importance": Importance(),
    "importance_sampling": ImportanceSampling(),
    "geometric_median": GeometricMedian(),
    "bn_scale": BnScale(),
    "lamp": Lamp(),
    # on calibration data: pass data=
    "reconstruction": Reconstruction(),
    "sensitivity": Sensitivity(),
    "taylor": Taylor(),
    "taylor_activation": TaylorActivation(),
    "fisher": Fisher(),
    "obd": Obd(),
    "first_order_movement": FirstOrderMovement(),
    "hrank": HRank(),
    "apoz": Apoz(),
    "activation": Activation(),
    "similarity": Similarity(),
    "cluster": Cluster(),
    # of single weights and pieces of weights, also on calibration data
    "wanda": Wanda(),
    "sparsegpt": SparseGPT(),
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


def score(graph: Graph, group: Group, criterion: str | Criterion = "l1_weight", *, seed: int = 0,
          calibration: Calibration | None = None) -> Array:
    """A score for each unit of ``group``: (units,), float64, higher is kept.

    Args:
        calibration: what a criterion that looks at data needs; see `prunelab.calibrate`.

    Raises:
        OptionError: a criterion that gives another shape, or something that is not finite, or that needs what
            ``calibration`` does not have.
    """
    chosen = criterion_of(criterion)
    check_calibration(chosen, calibration)
    scores = np.asarray(chosen(material_of(graph, group, calibration, seed)), np.float64)
    if scores.shape != (group.units,):
        raise OptionError(f"the criterion {chosen.name} gave scores of shape {scores.shape} for {group.name}; "
                          f"it has {group.units} units, so the shape must be ({group.units},)")
    if not np.isfinite(scores).all():
        bad = scores[~np.isfinite(scores)][0]
        raise OptionError(f"the criterion {chosen.name} gave {bad} for a unit of {group.name}; "
                          "scores are finite: look at the layer's weights for NaN or infinity")
    return scores


def check_calibration(criterion: Criterion, calibration: Calibration | None) -> None:
    """Refuse a criterion that needs what was not gathered: says what to pass."""
    missing = [n for n in needs_of(criterion) if calibration is None or n not in calibration.needs]
    if missing:
        raise OptionError(f"the criterion {criterion.name} needs {' and '.join(missing)}; pass data=, such as the "
                          "training data, or data=prunelab.calibrate(model, data, criteria)")


def material_of(graph: Graph, group: Group, calibration: Calibration | None = None, seed: int = 0) -> Material:
    """All that a criterion may look at, for one group."""
    def weight(parameter: str) -> Array:
        from prunelab.graph.arrays import as_view  # Paddle: not before a graph is there

        return as_view(graph.tensor(parameter))

    makers = unit_rows(graph, group, weight) or {"weights": graph.weights(group)}
    elementwise = LaterRows(lambda: unit_rows(graph, group, weight, ("elementwise",)))

    def of_elements(trained: bool) -> dict[str, Array]:
        parameters = graph.structure.parameters
        return {key: rows for key, rows in elementwise.items()
                if parameters[key.rpartition("[")[0]].trainable == trained}

    # a generator for each group, so that ignoring one changes no other's draws
    rng = np.random.default_rng([seed, zlib.crc32(group.name.encode())])
    more = calibration or Calibration(frozenset(), 0)
    return Material(
        makers, group.units, rng, readers=LaterRows(lambda: unit_rows(graph, group, weight, ("in",))),
        scales=LaterRows(lambda: of_elements(True)), shifts=LaterRows(lambda: of_elements(False)),
        gradients=gradient_rows(graph, group, more.gradients) if "gradients" in more.needs else None,
        squares=gradient_rows(graph, group, more.squares) if "gradients" in more.needs else None,
        activations=more.activations.get(group.name), moments=more.moments.get(group.name),
        losses=more.losses.get(group.name), inputs=_inputs(graph, group, more))


def _inputs(graph: Graph, group: Group, calibration: Calibration) -> Inputs | None:
    """What the weight of a sparse group reads."""
    parameter = group.members[0].parameter
    moments = calibration.inputs.get(parameter)
    if moments is None:
        return None
    from prunelab.graph.arrays import as_array
    from prunelab.graph.sparse import units_of

    unit = units_of(group, graph.tensor_shape(parameter))
    if unit is None:
        return None
    weight = as_array(graph.tensor(parameter)).astype(np.float64)
    return Inputs(moments, weight.reshape(-1)[moments.place], unit.reshape(-1)[moments.place])


__all__ = [
    "CRITERIA",
    "NEEDS",
    "NORMALIZATIONS",
    "REDUCTIONS",
    "Activation",
    "Activations",
    "Apoz",
    "Array",
    "BnScale",
    "Calibration",
    "ChannelL1",
    "Cluster",
    "Criterion",
    "FirstOrderMovement",
    "Fisher",
    "GeometricMedian",
    "Grouped",
    "HRank",
    "Importance",
    "ImportanceSampling",
    "InputMoments",
    "Inputs",
    "L1Weight",
    "L2Weight",
    "Lamp",
    "Material",
    "Mean",
    "Moments",
    "Obd",
    "Random",
    "Reconstruction",
    "Sensitivity",
    "Similarity",
    "SparseGPT",
    "Taylor",
    "TaylorActivation",
    "Wanda",
    "check_calibration",
    "cluster_units",
    "criterion_of",
    "element_mask",
    "is_comparable",
    "material_of",
    "n_m_mask",
    "needs_of",
    "score",
    "solve_masked",
    "sparsegpt",
    "sparsegpt_scores",
    "wanda",
]
