"""A rehearsal as plain data, and made again of it in another process.

The network travels as its graph and its arrays, not as an object of its class: so a class that a notebook defines, and
no other process can import, is no hindrance. Where weights change, a layer that runs the graph stands for the model.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import paddle

from prunelab.errors import OptionError, reason_of
from prunelab.evaluate.batches import Batches, batches
from prunelab.evaluate.labels import over
from prunelab.evaluate.latency import current_threads
from prunelab.evaluate.samples import Sample
from prunelab.graph import Graph, as_array
from prunelab.graph.nests import Inputs, each, is_nested
from prunelab.graph.program import Program
from prunelab.graph.rules import RULES
from prunelab.graph.run import Executor
from prunelab.graph.structure import Structure, remember
from prunelab.search.building import Builder
from prunelab.search.objectives import Aims
from prunelab.search.rehearsal import Rehearsal, Usual
from prunelab.surgery import GraphLayer
from prunelab.surgery.graph_layer import NestedGraphLayer


@dataclass(frozen=True)
class Packed:
    """A tensor's numbers (bfloat16, which NumPy has not, as float32) and its dtype."""

    array: np.ndarray[Any, Any]
    dtype: str

    @classmethod
    def of(cls, tensor: Any) -> Packed:
        """Of a tensor, from wherever it is."""
        dtype = str(tensor.dtype).rpartition(".")[2]
        return cls(as_array(tensor) if dtype in ("bfloat16", "float16") else tensor.numpy(), dtype)


@dataclass(frozen=True)
class Parcel:
    """All that a `Rehearsal` is made of. ``tensors``: by the name of a parameter, None where it is empty."""

    program: Program
    tensors: Mapping[str, Packed | None]
    trainable: frozenset[str]
    saved: frozenset[str]
    held: tuple[tuple[Inputs, Any, int], ...]  # of packed tensors
    aims: Aims
    loss: Any
    train: Any
    seed: int
    place: str
    build: Any = None
    usual: Usual = field(default_factory=Usual)

    @classmethod
    def of(cls, rehearsal: Rehearsal) -> Parcel:
        """Of what is here."""
        graph, model = rehearsal.graph, rehearsal.graph.model
        parameters = graph.program.parameters
        tensors = {p.name: None if p.kind == "empty" else Packed.of(graph.tensor(p.name)) for p in parameters}
        held = tuple((each(Packed.of, b.inputs), over(Packed.of, b.labels), b.n_samples) for b in rehearsal.held)
        train = rehearsal.train
        if isinstance(train, Batches):  # its place and type are objects of Paddle's, and follow from the model there
            train = replace(train, place=None, dtype=None)
        return cls(graph.program, tensors, frozenset(p.name for p in parameters if p.trainable),
                   frozenset(model.state_dict()), held, rehearsal.aims, rehearsal.loss, train,
                   rehearsal.seed, str(graph.place).removeprefix("Place(").rstrip(")"),
                   None if rehearsal.builder is None else rehearsal.builder.build,
                   rehearsal.usual)

    def rehearsal(self) -> Rehearsal:
        """Made again."""
        if self.place != "cpu":
            paddle.set_device(self.place)
        structure = Structure(self.program)
        tensors = {p.name: self._tensor(p.name) for p in self.program.parameters}
        names = {p.value: p.name for p in self.program.parameters}
        constants = {p.value: tensors[p.name] for p in self.program.parameters if p.kind == "constant"}
        own = {n: t for n, t in tensors.items() if n not in {names[v] for v in constants}}
        kind = NestedGraphLayer if is_nested(self.program.specs) else GraphLayer
        layer = kind(Executor(self.program, structure.solution, RULES), own, constants, self.saved,
                     self.program.model)
        layer.eval()
        held = {p.value: tensors[p.name] for p in self.program.parameters}
        remember(layer, structure, held)
        samples = [Sample(each(self._unpacked, inputs), over(self._unpacked, labels), n)
                   for inputs, labels, n in self.held]
        train = self.train
        if isinstance(train, Batches):
            like = batches([samples[0].inputs], layer)
            train = replace(train, place=like.place, dtype=like.dtype)
        graph = Graph(layer, structure, held)
        builder = None if self.build is None else Builder(self.build, list(graph.input_specs), layer, self.seed)
        return Rehearsal(graph, samples, self.aims, loss=self.loss, train=train, seed=self.seed, builder=builder,
                         usual=self.usual)

    def _tensor(self, name: str) -> Any:
        packed = self.tensors[name]
        if packed is None:
            return paddle.Tensor()
        tensor = self._unpacked(packed)
        if name not in self.trainable:
            tensor.stop_gradient = True
            return tensor
        return paddle.base.framework.EagerParamBase.from_tensor(tensor, trainable=True)

    def _unpacked(self, packed: Packed) -> Any:
        return paddle.to_tensor(packed.array, dtype=packed.dtype, place=self.place)


def as_bytes(parcel: Parcel) -> bytes:
    """A parcel for another process, functions of a notebook among it where cloudpickle is installed (Dask has it).

    Raises:
        OptionError: a metric, loss or data that cannot be sent.
    """
    by_value = importlib.util.find_spec("cloudpickle") is not None
    pickler: Any = importlib.import_module("cloudpickle" if by_value else "pickle")
    try:
        return bytes(pickler.dumps(parcel))
    except Exception as error:
        hint = "" if by_value else "; functions of a notebook need cloudpickle: pip install cloudpickle"
        raise OptionError("a metric, the loss, the constructor or the data cannot be sent to another process: "
                          f"{reason_of(error)}; define functions in a module and give data as arrays{hint}, or leave "
                          "workers at 1") from error


def threads_each(workers: int) -> int:
    """Paddle's threads in each of so many processes, so that together they have as many as this one."""
    return max(1, current_threads() // workers)
