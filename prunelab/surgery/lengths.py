"""A `GraphLayer` for inputs of other lengths: a graph a length, read of the dense model, on one set of tensors."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

import paddle

from prunelab.errors import SurgeryError
from prunelab.graph import TensorSpec, trace
from prunelab.plan import Plan
from prunelab.surgery.compact import as_cut_graph
from prunelab.surgery.graph_layer import GraphLayer, run_on


class Lengths:
    """The cut graphs of ``dense`` by the number of positions on ``axes`` (input -> axis).

    They are made when they are first asked for, but not while Paddle reads a program: `prepare` makes them before.
    """

    def __init__(self, dense: Any, plan: Plan, axes: Mapping[str, int]) -> None:
        self._dense, self._plan, self._axes = dense, plan, dict(axes)
        self._known: dict[int, GraphLayer] = {}

    @property
    def place(self) -> tuple[int, int]:
        """Which input tells the length, and on which axis."""
        names = [spec.name for spec in self._plan.inputs]
        name, axis = next(iter(self._axes.items()))
        return names.index(name), axis

    def prepare(self, lengths: Iterable[int]) -> None:
        """Read the dense model at these lengths, and at the plan's own last: that is the one which is remembered."""
        missing = [n for n in dict.fromkeys(lengths) if n not in self._known]
        for n in missing:
            self._known[n] = self._made(tuple(self._longer(spec, n) for spec in self._plan.inputs))
        if missing:
            trace(self._dense, list(self._plan.inputs))

    def at(self, n: int) -> GraphLayer:
        """The cut graph for ``n`` positions.

        Raises:
            SurgeryError: one that would have to be made now, while Paddle reads a program.
        """
        if n not in self._known:
            if not paddle.in_dynamic_mode():
                raise SurgeryError(f"the graph for {n} positions has not been made, and cannot be while Paddle reads a "
                                   "program; export the layer with pl.export(lengths=...)")
            self.prepare([n])
        return self._known[n]

    def _longer(self, spec: TensorSpec, n: int) -> TensorSpec:
        axis = self._axes.get(spec.name)
        return spec if axis is None else replace(
            spec, shape=tuple(n if k == axis else size for k, size in enumerate(spec.shape)))

    def _made(self, specs: tuple[TensorSpec, ...]) -> GraphLayer:
        graph = trace(self._dense, list(specs))
        graph.check(self._plan)
        return as_cut_graph(graph.opened_for(self._plan), self._plan)


class LongGraphLayer(GraphLayer):
    """A `GraphLayer` whose forward takes any length that ``lengths`` gives a graph for, on the tensors of ``small``.

    It is what an export with a free length reads: nothing is kept of it.
    """

    def __init__(self, small: GraphLayer, lengths: Lengths) -> None:
        paddle.nn.Layer.__init__(self)
        self.__dict__.update(small.__dict__)  # the same layers, parameters and buffers
        self.lengths = lengths

    def forward(self, x: Any, x1: Any = None, x2: Any = None, x3: Any = None, x4: Any = None,
                x5: Any = None, x6: Any = None, x7: Any = None, x8: Any = None, x9: Any = None) -> Any:
        inputs = (x, x1, x2, x3, x4, x5, x6, x7, x8, x9)[: len(self._prunelab_inputs)]
        which, axis = self.lengths.place
        return run_on(self.lengths.at(inputs[which].shape[axis]), self, inputs)
