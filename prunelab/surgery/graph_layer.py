"""`GraphLayer`: a layer that runs a traced and rewritten graph.

It is for models whose own forward cannot carry the new widths.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

import paddle

from prunelab.errors import SurgeryError
from prunelab.graph import calls as calls_module
from prunelab.graph import execute as execute_module
from prunelab.graph import modes as modes_module
from prunelab.graph import nests as nests_module
from prunelab.graph import run as run_module
from prunelab.graph.execute import execute
from prunelab.graph.modes import training_of
from prunelab.graph.nests import flat, is_nested
from prunelab.graph.run import Executor

# the operators are called as they are: to_static need not read and rewrite our own Python
paddle.jit.ignore_module([calls_module, execute_module, run_module, modes_module, nests_module])
MOST_INPUTS = 10  # as many parameters as `GraphLayer.forward` names


class GraphLayer(paddle.nn.Layer):
    """Runs a compiled graph on parameters of the same names as the model's.

    It trains and evaluates (dropout and batch norm follow ``train()`` and ``eval()``), saves, loads, exports, traces,
    and takes any batch. ``tensors`` are its parameters and buffers by name, ``saved`` the names that ``state_dict``
    has, ``origin`` names the class of the model it was made from. Where inputs are given by name, their names are
    those of that model's forward.
    """

    def __init__(self, executor: Executor, tensors: Mapping[str, Any], constants: Mapping[int, Any],
                 saved: Collection[str], origin: str) -> None:
        super().__init__()
        specs = executor.program.specs
        if len(specs) > MOST_INPUTS and not is_nested(specs):
            raise SurgeryError(f"{origin} has {len(executor.program.inputs)} inputs; "
                               f"a GraphLayer takes at most {MOST_INPUTS}: join some of them into one tensor")
        self._prunelab_origin = origin
        self._prunelab_inputs = tuple(dict.fromkeys(s.path[0] if s.path else s.name for s in specs))
        self._executor = executor
        self._constants = [(value, f"_prunelab_constant_{k}") for k, value in enumerate(constants)]
        self._names = [(p.value, p.name) for p in executor.program.parameters if p.name in tensors]
        for name, tensor in tensors.items():
            _register(self, name, tensor, persistable=name in saved)
        for (_, name), tensor in zip(self._constants, constants.values(), strict=True):
            self.register_buffer(name, tensor, persistable=False)

    # to_static wants named parameters: a layer takes as many of these as its graph has inputs
    def forward(self, x: Any, x1: Any = None, x2: Any = None, x3: Any = None, x4: Any = None,
                x5: Any = None, x6: Any = None, x7: Any = None, x8: Any = None, x9: Any = None) -> Any:
        inputs = (x, x1, x2, x3, x4, x5, x6, x7, x8, x9)[: len(self._executor.program.inputs)]
        return run_on(self, self, inputs)

    def extra_repr(self) -> str:
        return f"{self._prunelab_origin}, {len(self._executor.program.ops)} operators"


class NestedGraphLayer(GraphLayer):
    """A `GraphLayer` that takes its inputs as the model did: in dicts and lists, or by keyword."""

    def forward(self, *inputs: Any, **named: Any) -> Any:
        return run_on(self, self, tuple(flat(self._executor.program.specs, inputs, named)))


def class_name(layer: Any) -> str:
    """The name of a layer's class; of a `GraphLayer` that of the model which it was made from."""
    origin = layer._prunelab_origin if isinstance(layer, GraphLayer) else type(layer).__name__
    return str(origin).rpartition(".")[2]


def run_on(graph: GraphLayer, tensors: GraphLayer, inputs: tuple[Any, ...]) -> Any:
    """What the operators of ``graph`` compute of ``inputs`` with the parameters and buffers of ``tensors``."""
    held = {value: _look_up(tensors, name) for value, name in graph._names}
    held.update({value: getattr(graph, name) for value, name in graph._constants})
    return execute(graph._executor, held, inputs, training=training_of(tensors))


def _register(layer: Any, name: str, tensor: Any, *, persistable: bool) -> None:
    """Hang a tensor on nested layers, so that its name in ``state_dict`` is the model's."""
    *path, leaf = name.split(".")
    for part in path:
        if part not in layer._sub_layers:
            layer.add_sublayer(part, paddle.nn.Layer())
        layer = layer._sub_layers[part]
    if isinstance(tensor, paddle.base.framework.EagerParamBase):
        layer.add_parameter(leaf, tensor)
    else:
        layer.register_buffer(leaf, tensor, persistable=persistable)


def _look_up(layer: Any, name: str) -> Any:
    *path, leaf = name.split(".")
    for part in path:
        layer = layer._sub_layers[part]
    found = layer._parameters.get(leaf)
    return layer._buffers[leaf] if found is None else found
