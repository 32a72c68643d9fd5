"""A plan in the words of other libraries, and a plan from masks that something else made.

PaddleSlim and Torch-Pruning name layers and positions as plain data, and find by themselves what depends on what. What
they cannot say (weights masked in their place, branches that go as a whole, recurrent nets' hidden units) is refused.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from prunelab.errors import PlanError, unknown_name
from prunelab.graph.tracing import graph_for
from prunelab.plan.plan import Plan, PlanGroup

if TYPE_CHECKING:
    from prunelab.graph import Graph

Array = np.ndarray[Any, Any]


def to_paddleslim(plan: Plan, model: Any) -> dict[str, list[dict[str, Any]]]:
    """What ``paddleslim.dygraph.PruningPlan`` holds, as plain data: for each parameter, by Paddle's own name of the
    tensor, its masks.

    A mask has ``dims`` (the axis, in a list), ``mask`` (1 for a position that stays, 0 for one that goes) and ``ratio``
    (the fraction that goes), as ``PruningMask(dims, mask, ratio, op)`` takes them. ``model`` is the dense model.

    Raises:
        PlanError: a plan for another structure, or one that PaddleSlim cannot say.
    """
    graph = graph_for(model, plan)
    _refuse(plan, "PaddleSlim", "layer")
    kept = graph.kept(plan)
    masks: dict[str, list[dict[str, Any]]] = {}
    for name in graph.structure.parameters:
        for axis, stays in _axes(graph, kept, name):
            told = {"dims": [axis], "mask": stays.astype(int).tolist(), "ratio": float(1 - stays.mean())}
            masks.setdefault(graph.tensor(name).name, []).append(told)
    return masks


def to_torch_pruning(plan: Plan, model: Any) -> list[tuple[str, bool, list[int]]]:
    """What ``DependencyGraph.load_pruning_history`` of Torch-Pruning takes: (layer, whether its outputs are pruned, the
    positions that go), one for each group, named by a layer that makes its units.

    It is for a torch model whose layers have the names and widths of ``model``, the dense one.

    Raises:
        PlanError: a plan for another structure, or one that Torch-Pruning cannot say.
    """
    graph = graph_for(model, plan)
    _refuse(plan, "Torch-Pruning", "layer hidden")
    kept = graph.kept(plan)
    _refuse_grouped(graph, kept)
    history: dict[tuple[str, bool], list[int]] = {}
    for group in plan.groups:
        if not group.n_removed or not isinstance(group, PlanGroup):
            continue
        member = next((m for role in ("out", "vocabulary", "in") for m in group.members if m.role == role), None)
        if member is None:
            raise PlanError(f"no layer makes or reads the units of {group.name}, and Torch-Pruning names layers; "
                            "leave the group out of the plan")
        stays = dict(_axes(graph, kept, member.parameter))[member.axis]
        layer = graph.structure.parameters[member.parameter].layer
        history[layer, member.role != "in"] = np.flatnonzero(~stays).tolist()
    return [(layer, outputs, positions) for (layer, outputs), positions in history.items()]


def _refuse(plan: Plan, library: str, granularities: str) -> None:
    unsaid = granularities.split()
    for group in plan.groups:
        if group.n_removed and (group.granularity in unsaid or not isinstance(group, PlanGroup)):
            raise PlanError(f"{group.name} is pruned by {group.granularity}, which {library} cannot say; carry the "
                            "plan out with plan.apply(model)")


def _refuse_grouped(graph: Graph, kept: Any) -> None:
    """Torch-Pruning counts the channels of a grouped convolution anew in each group, and takes no group away."""
    by_value = {p.value: p.name for p in graph.program.parameters}
    for op in graph.program.ops:
        groups = op.attributes.get("groups", 1)
        name = next((by_value[v] for v in op.inputs[1:2] if v in by_value), None)
        if groups > 1 and "depthwise" not in op.name and name is not None and _axes(graph, kept, name):
            layer = graph.structure.parameters[name].layer
            raise PlanError(f"{layer} is a convolution in {groups} groups, whose channels Torch-Pruning cannot say; "
                            "leave it out of the plan with ignore=, or carry the plan out with plan.apply(model)")


def _axes(graph: Graph, kept: Any, parameter: str) -> list[tuple[int, Array]]:
    """The axes of a parameter that become shorter, and which of their positions stay."""
    found = []
    for axis, dim in enumerate(graph.structure.dims(parameter)):
        if kept.changes(dim):
            stays = np.zeros(graph.tensor_shape(parameter)[axis], bool)
            stays[kept.positions(dim)] = True
            found.append((axis, stays))
    return found


def from_masks(graph: Graph, masks: Mapping[str, Any]) -> Plan:
    """The plan whose units are those that ``masks`` silence.

    Args:
        masks: by parameter, as in ``state_dict``: an array of its shape that is zero (or false) where a weight goes, or
            a vector with an entry for each of the outputs that it makes.

    Raises:
        UnknownNameError: a parameter that the model does not have.
        PlanError: a mask of another shape; one that takes weights which make no whole unit (a unit goes where every
            masked layer that makes it is zero).
    """
    arrays = {name: _full(graph, name, mask) for name, mask in masks.items()}
    removed: dict[str, Array] = {}
    for group in graph.prunable:
        slices = graph.slices(group, ("out",), arrays.get)
        if slices:
            gone = np.all([~rows.any(1) for rows in slices.values()], axis=0)
            if gone.any():
                removed[group.name] = np.flatnonzero(gone)
    plan = Plan.empty(graph).with_removed(graph, removed, method="masks")
    _refuse_leftovers(graph, plan, arrays)
    return plan


def _full(graph: Graph, name: str, mask: Any) -> Array:
    if name not in graph.structure.parameters:
        raise unknown_name("parameter", name, graph.structure.parameters, place=graph.program.model)
    array, shape = np.asarray(mask).astype(bool), graph.tensor_shape(name)
    if array.shape == shape:
        return array
    makes = [m.axis for g in graph.groups for m in g.members if m.parameter == name and m.role == "out"]
    if array.ndim == 1 and makes and len(array) == shape[makes[0]]:
        return np.broadcast_to(array.reshape([-1 if a == makes[0] else 1 for a in range(len(shape))]), shape)
    raise PlanError(f"the mask of {name} has the shape {array.shape}; give {shape}, or a vector with an entry for each "
                    "output")


def _refuse_leftovers(graph: Graph, plan: Plan, arrays: Mapping[str, Array]) -> None:
    kept = graph.kept(plan)
    for name, array in arrays.items():
        stays = array
        for axis, positions in _axes(graph, kept, name):
            stays = np.compress(positions, stays, axis)
        if not stays.all():
            raise PlanError(f"the mask of {name} takes {int((~stays).sum()):,} weights that make no whole unit, or "
                            "whose unit another layer still makes; mask whole units, or keep the weights at zero with "
                            "pl.propose(granularity='element')")
