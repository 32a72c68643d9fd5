"""The dense and the smaller network on the same data, walked side by side from operator to operator.

Each part of a batch carries the values that stand at the place the walk has come to, so that every operator runs about
once in each network. What does not fit into the memory allowed is let go from the last batch on: these are read again
from the data and run from their inputs, at every place. So memory does not grow with the number of samples.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import paddle

from prunelab.errors import DataError, InputError
from prunelab.evaluate.batches import Batches, check_finite
from prunelab.graph.calls import Call
from prunelab.graph.execute import execute
from prunelab.graph.nests import Inputs, like
from prunelab.graph.program import TensorSpec
from prunelab.graph.run import Executor

# One sample in so many is held out, to choose the ridge and to judge by.
HELD_OUT = 5


class Network:
    """A compiled program with its tensors, by value id; ``held`` may be changed as the walk goes on."""

    def __init__(self, executor: Executor, held: Mapping[int, Any]) -> None:
        self.executor, self.held = executor, dict(held)
        self.calls = _needed(executor, self.held)
        self.readers: dict[int, list[Call]] = {}
        for call in self.calls:
            for value in dict.fromkeys(v for _, v, _ in call.tensors):
                self.readers.setdefault(value, []).append(call)
        self._views = _of_tensors_alone(executor, self.held, self.calls)
        # an operator that writes over what it reads would spoil what is carried along
        self._writes = any(c.name.endswith("_") and not c.name.endswith("batch_norm_") for c in self.calls)

    def run(self, inputs: Sequence[Any], given: Mapping[int, Any], targets: Iterable[int]) -> list[Any]:
        """The tensors of ``targets``, from the inputs and from values that are known."""
        if self._writes:
            given = {v: t.clone() if isinstance(t, paddle.Tensor) else [x.clone() for x in t]
                     for v, t in given.items()}
            inputs = [x.clone() for x in inputs]
        return execute(self.executor, self.held, inputs, training=False, targets=list(targets), given=given)

    def crossing(self, place: int) -> tuple[int, ...]:
        """The values computed before operator ``place`` that it or a later one reads, of the data: what is computed of
        ``held`` alone, as a weight seen in another shape is, changes with it."""
        known = {v for call in self.calls if call.index < place and call.name != "builtin.combine"
                 for v in call.outputs}
        lists = {c.outputs[0]: c for c in self.calls if c.index < place and c.name == "builtin.combine"}
        read = {v for call in self.calls if call.index >= place for _, v, _ in call.tensors}
        read |= {v for value in read & lists.keys() for _, v, _ in lists[value].tensors}
        return tuple(sorted((read | set(self.executor.program.output_values)) & known - self._views))


def _needed(executor: Executor, held: Mapping[int, Any]) -> list[Call]:
    """The calls that the outputs need, in order."""
    wanted, found = set(executor.program.output_values), []
    for call in reversed(executor.calls):
        if any(v in wanted for v in call.outputs):
            found.append(call)
            wanted.update(v for _, v, _ in call.tensors if v not in held)
    return found[::-1]


def _of_tensors_alone(executor: Executor, held: Mapping[int, Any], calls: Sequence[Call]) -> set[int]:
    """The values computed of the model's own tensors and of no input."""
    of_data, found = set(executor.program.inputs), set[int]()
    for call in calls:
        reads = {v for _, v, _ in call.tensors}
        if reads & of_data:
            of_data.update(call.outputs)
        elif reads & (found | held.keys()):
            found.update(call.outputs)
    return found


@dataclass
class Part:
    """Some samples of a batch, and the values of both networks at ``place``."""

    inputs: Inputs
    held_out: bool
    number: int
    place: int = 0
    dense: dict[int, Any] = field(default_factory=dict)
    small: dict[int, Any] = field(default_factory=dict)

    @property
    def n_bytes(self) -> int:
        """What it takes in memory."""
        tensors = [*self.inputs, *self.dense.values(), *self.small.values()]
        flat = [x for t in tensors for x in (t if isinstance(t, (list, tuple)) else [t])]
        return sum(x.size * x.element_size() for x in flat)


class Walk:
    """Calls a function at a place of both networks, part by part.

    ``samples`` of the data are read, at most; ``on_batch`` is called after each part.
    """

    def __init__(self, dense: Network, small: Network, source: Batches, samples: int, memory: int,
                 on_batch: Callable[[], object] | None = None) -> None:
        self.dense, self.small = dense, small
        self.source, self.samples, self.memory, self.on_batch = source, samples, memory, on_batch
        self.specs = dense.executor.program.specs
        self.parts: list[Part] = []
        self.n_kept_batches = 0
        self.n_samples = self.n_held_out = 0
        for number, inputs in self._read(0):
            parts = self._split(inputs, number)
            for part in parts:
                n = _batch_size(self.specs, part.inputs)
                self.n_samples += n
                self.n_held_out += n if part.held_out else 0
            if self.n_kept_batches == number and self._bytes(parts) <= memory:
                self.parts += parts
                self.n_kept_batches = number + 1
        if not self.n_samples:
            raise DataError("the data has no batches; give at least one")

    def visit(self, place: int, dense: Sequence[int], small: Sequence[int]) -> Iterator[tuple[Part, list[Any],
                                                                                             list[Any]]]:
        """For each part, the tensors of these values in the dense and in the smaller network, from ``place`` on."""
        crossing = self.dense.crossing(place), self.small.crossing(place)
        for part in self.parts:
            self._advance(part, place, *crossing)
            yield (part, self.dense.run(part.inputs, part.dense, dense), self.small.run(part.inputs, part.small, small))
            self.passed()
        for number, inputs in self._read(self.n_kept_batches) if self._is_more else ():
            for part in self._split(inputs, number):
                yield part, self.dense.run(part.inputs, {}, dense), self.small.run(part.inputs, {}, small)
                self.passed()
        self._let_go()

    def passed(self) -> None:
        """Tell whoever listens that a part is done."""
        if self.on_batch is not None:
            self.on_batch()

    def _advance(self, part: Part, place: int, dense: Sequence[int], small: Sequence[int]) -> None:
        if part.place != place:
            part.dense = dict(zip(dense, self.dense.run(part.inputs, part.dense, dense), strict=True))
            part.small = dict(zip(small, self.small.run(part.inputs, part.small, small), strict=True))
            part.place = place

    def rewind(self) -> None:
        """Go back to the inputs: what was carried along came from other weights."""
        for part in self.parts:
            part.place, part.dense, part.small = 0, {}, {}

    @property
    def _is_more(self) -> bool:
        return sum(_batch_size(self.specs, p.inputs) for p in self.parts) < self.n_samples

    def _bytes(self, more: Sequence[Part] = ()) -> int:
        return sum(p.n_bytes for p in (*self.parts, *more))

    def _let_go(self) -> None:
        """Forget the last batches until the rest fits."""
        while self.parts and self._bytes() > self.memory:
            self.n_kept_batches -= 1
            last = self.parts[-1].number
            self.parts = [p for p in self.parts if p.number != last]

    def _read(self, start: int) -> Iterator[tuple[int, Inputs]]:
        room = self.samples
        for number, (inputs, _) in enumerate(self.source):
            if room <= 0:
                return
            if any(s.batch_axis is not None for s in self.specs):
                inputs = _samples(self.specs, inputs, 0, room)
            room -= _batch_size(self.specs, inputs)
            if number >= start:
                _check(self.specs, inputs, number)
                yield number, inputs

    def _split(self, inputs: Inputs, number: int) -> list[Part]:
        """The last fifth of a batch is held out; where the batch is fixed or tiny, every fifth batch."""
        n = _batch_size(self.specs, inputs)
        if n < HELD_OUT or all(s.batch_axis is None for s in self.specs):
            return [Part(inputs, number % HELD_OUT == HELD_OUT - 1, number)]
        fit = n - n // HELD_OUT
        return [Part(_samples(self.specs, inputs, 0, fit), False, number),
                Part(_samples(self.specs, inputs, fit, n), True, number)]


def _batch_size(specs: Sequence[TensorSpec], inputs: Sequence[Any]) -> int:
    return next((x.shape[s.batch_axis] for s, x in zip(specs, inputs, strict=False)
                 if s.batch_axis is not None and x.ndim > s.batch_axis), 1)


def _samples(specs: Sequence[TensorSpec], inputs: Inputs, start: int, stop: int) -> Inputs:
    return like(inputs, [x if s.batch_axis is None or x.ndim <= s.batch_axis
                         else x.slice([s.batch_axis], [start], [min(stop, x.shape[s.batch_axis])])
                         for s, x in zip(specs, inputs, strict=False)])


def _check(specs: Sequence[TensorSpec], inputs: Sequence[Any], number: int) -> None:
    for k, (spec, x) in enumerate(zip(specs, inputs, strict=False)):
        kind = str(x.dtype).rpartition(".")[2]
        if ("float" in kind) != ("float" in spec.dtype):
            raise InputError(f"input {k} of batch {number} is {kind}, and the model takes {spec.dtype}; give "
                             f"x.astype('{spec.dtype}')")
    check_finite(inputs, number, "least squares would spread it over all weights")
