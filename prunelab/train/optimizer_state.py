"""What an optimizer has gathered (momenta, second moments), by the model's own names; and what is left of it after a
cut."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import paddle
from paddle.base import framework

from prunelab.errors import OptionError, TrainingError
from prunelab.graph import as_layer, graph_for
from prunelab.graph.removals import masked_weights
from prunelab.plan import Plan, as_plan


@dataclass(frozen=True)
class OptimizerState:
    """``tensors``: by parameter, then by what is gathered ("moment1", "velocity"), a tensor of the parameter's shape or
    of one number. ``kind`` is the optimizer's class."""

    kind: str
    tensors: Mapping[str, Mapping[str, Any]]

    @classmethod
    def of(cls, optimizer: Any, model: Any) -> OptimizerState:
        """What ``optimizer`` holds for the parameters of ``model``: the tensors themselves, no copies."""
        found = {}
        for name, parameter in as_layer(model).named_parameters():
            own = {kind: by[parameter.name] for kind, by in optimizer._accumulators.items() if parameter.name in by}
            if own:
                found[name] = own
        return cls(type(optimizer).__name__, found)

    def cut(self, model: Any, plan: Plan) -> OptimizerState:
        """What is left for the parameters of ``compact(model, plan)``: sliced as they are, zero where weights are
        masked in their place. ``model`` is the full-size one.

        Raises:
            PlanError: a plan for another structure.
        """
        graph = graph_for(model, as_plan(plan))
        kept, masked = graph.kept(plan), masked_weights(plan)
        out: dict[str, dict[str, Any]] = {}
        for name, own in self.tensors.items():
            known = graph.structure.parameters.get(name)
            if known is None:  # the forward does not read it: no cut reaches it
                out[name] = dict(own)
                continue
            out[name] = {}
            for kind, tensor in own.items():
                if tuple(tensor.shape) != known.shape:
                    out[name][kind] = tensor
                    continue
                if name in masked:
                    tensor = paddle.where(_on(masked[name], tensor), paddle.zeros_like(tensor), tensor)
                for axis, dim in enumerate(graph.structure.dims(name)):
                    if kept.changes(dim):
                        stays = _on(kept.positions(dim).astype(np.int64), tensor)
                        tensor = paddle.index_select(tensor, stays, axis=axis)
                out[name][kind] = tensor
        return OptimizerState(self.kind, out)

    def put(self, optimizer: Any, model: Any) -> None:
        """Have ``optimizer``, made for the parameters of ``model``, go on from here. It gets copies.

        Raises:
            OptionError: an optimizer of another class, or parameters of other names or shapes.
        """
        if type(optimizer).__name__ != self.kind:
            raise OptionError(f"optimizer_state is of {self.kind}, and the optimizer is {type(optimizer).__name__}; "
                              "give the same optimizer, or leave optimizer_state out")
        trained = {id(p) for p in optimizer._parameter_list} if isinstance(optimizer._parameter_list, list) else set()
        named = {n: p for n, p in as_layer(model).named_parameters() if id(p) in trained or not p.stop_gradient}
        for name, own in self.tensors.items():
            shape = next((tuple(t.shape) for t in own.values() if t.ndim == len(named[name].shape) and t.size > 1),
                         None) if name in named else None
            if name not in named or (shape is not None and shape != tuple(named[name].shape)):
                there = tuple(named[name].shape) if name in named else "not there"
                raise OptionError(f"optimizer_state has '{name}' of shape {shape}, and in the model it is {there}; "
                                  "after a cut give optimizer_state.cut(model, plan)")
        # the tensors an optimizer fills at its first step; asked for by name, since the names of its state_dict count
        # the optimizers of the whole process
        optimizer._create_accumulators(framework.default_main_program().global_block(),
                                       [named[name] for name in self.tensors])
        with paddle.no_grad():
            for name, own in self.tensors.items():
                for kind, tensor in own.items():
                    paddle.assign(tensor, output=optimizer._accumulators[kind][named[name].name])


def follow(optimizer: Any, model: Any, small: Any, plan: Plan, make: Any) -> Any:
    """A new optimizer for the smaller model that goes on where ``optimizer`` is on the full-size ``model``.

    Args:
        small: ``compact(model, plan)``.
        make: a function from parameters to a paddle optimizer of the same class, as for ``finetune(optimizer=...)``.

    Raises:
        TrainingError: an optimizer that has gathered nothing yet, though it will.
    """
    state = OptimizerState.of(optimizer, model).cut(model, plan)
    new = make([p for p in as_layer(small).parameters() if not p.stop_gradient])
    if not state.tensors and type(new).__name__ != "SGD":
        raise TrainingError(f"the {type(optimizer).__name__} has gathered nothing for {type(model).__name__} yet; give "
                            "the optimizer that trained this model")
    state.put(new, small)
    return new


def _on(array: Any, tensor: Any) -> Any:
    return paddle.to_tensor(array, place=tensor.place)
