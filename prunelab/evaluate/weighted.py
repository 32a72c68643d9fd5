"""Weighted operators: convolutions and matrix products that are linear in one parameter of the model.

Each is seen as ``outputs = columns(inputs) @ matrix``: a convolution's columns are the patches of its input, one block
of columns for each group of channels. That is all that least squares, moments and saliencies ask.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import paddle

from prunelab.graph import Graph
from prunelab.graph.program import Op, Program

Array = np.ndarray[Any, Any]

_CONVOLUTIONS = frozenset({"conv1d", "conv2d", "conv3d", "depthwise_conv2d"})
_TRANSPOSED = frozenset({"conv2d_transpose", "conv3d_transpose", "depthwise_conv2d_transpose"})
# What only moves or renames the numbers of a parameter, in their order
_VIEWS = frozenset({"reshape", "reshape_", "unsqueeze", "unsqueeze_", "squeeze", "squeeze_", "share_data_", "assign"})
_CHANNELS_LAST = frozenset({"NHWC", "NLC", "NDHWC", "NWC"})


@dataclass(frozen=True)
class Weighted:
    """One such operator. ``x`` and ``y`` are the value ids of its input and output, ``end`` that of its output with the
    bias; ``weight`` and ``bias`` are parameters' names; ``shape`` is the weight's as the operator sees it."""

    op: Op
    kind: str  # "linear", "convolution" or "transposed"
    weight: str
    shape: tuple[int, ...]
    x: int
    y: int
    end: int
    bias: str | None
    x_shape: tuple[int, ...]
    y_shape: tuple[int, ...]

    @property
    def layer(self) -> str:
        """The path of the layer that holds the weight."""
        return self.weight.rpartition(".")[0] or self.weight

    @property
    def groups(self) -> int:
        """In how many groups its channels are; 1 for a matrix product."""
        return int(self.op.attributes.get("groups", 1)) if self.kind != "linear" else 1

    @property
    def channels_last(self) -> bool:
        """Whether its tensors have their channels last: (n, height, width, channels)."""
        return self.op.attributes.get("data_format") in _CHANNELS_LAST

    @property
    def kernel(self) -> tuple[int, ...]:
        """The kernel's size."""
        return self.shape[2:] if self.kind != "linear" else ()

    @property
    def flipped(self) -> bool:
        """Whether a matrix product reads its weight as (outputs, inputs)."""
        return bool(self.op.attributes.get("transpose_y", self.op.attributes.get("trans_y", False)))

    # the weight as a matrix: of arrays of NumPy and of tensors alike

    def matrix(self, weight: Any) -> Any:
        """The weight as (groups, columns, outputs of a group)."""
        if self.kind == "linear":
            flat = weight.reshape(list(self.shape))
            return (flat.transpose([1, 0]) if self.flipped else flat)[None]
        g, a, b = self.groups, self.shape[0] // self.groups, self.shape[1]
        by_group = weight.reshape([g, a, b, -1])
        if self.kind == "convolution":
            return by_group.reshape([g, a, -1]).transpose([0, 2, 1])
        return by_group.transpose([0, 1, 3, 2]).reshape([g, -1, b])

    def unmatrix(self, matrix: Any) -> Any:
        """The weight, in the parameter's order of numbers, of a matrix: the inverse of `matrix`."""
        if self.kind == "linear":
            return matrix[0].transpose([1, 0]) if self.flipped else matrix[0]
        g, a, b = self.groups, self.shape[0] // self.groups, self.shape[1]
        if self.kind == "convolution":
            return matrix.transpose([0, 2, 1]).reshape(list(self.shape))
        return matrix.reshape([g, a, -1, b]).transpose([0, 1, 3, 2]).reshape(list(self.shape))

    def vector(self, bias: Any) -> Any:
        """A bias as (groups, outputs of a group)."""
        return bias.reshape([self.groups, -1])

    # its tensors as rows

    @cached_property
    def positions(self) -> int:
        """How many rows one sample gives."""
        if self.kind == "linear":
            return math.prod(self.y_shape[1:-1])
        return math.prod(self._space(self.y_shape))

    @cached_property
    def live(self) -> Array:
        """Which columns of the matrix ever meet data, bool: some positions of a kernel see padding only."""
        if self.kind == "linear":
            return np.ones(self.shape[1 if self.flipped else 0], bool)
        return np.tile(self._seen, self.shape[1] if self.kind == "convolution" else self.shape[0] // self.groups)

    @cached_property
    def _seen(self) -> Array:
        return np.any(self._index < math.prod(self._space(self.x_shape)), axis=1, keepdims=True)[:, 0]

    def columns(self, x: Any, positions: Array | None = None, *, live: bool = False) -> Any:
        """The rows that meet the matrix: (groups, rows, columns); ``positions`` picks some of each sample's, ``live``
        leaves out columns that meet padding only."""
        if self.kind == "linear":
            x = x.reshape([x.shape[0], -1, x.shape[-1]]) if x.ndim > 2 else x.unsqueeze(1)
            return _picked(x, positions, 1).reshape([1, -1, x.shape[-1]])
        x = _channels_first(x, self.channels_last)
        n, channels = x.shape[:2]
        index = self._index[self._seen] if live else self._index
        index = index if positions is None else index[:, positions]
        flat = x.reshape([n, channels, -1])
        flat = paddle.concat([flat, paddle.zeros_like(flat[:, :, :1])], axis=2)  # the last one stands for padding
        where = paddle.to_tensor(index.reshape(-1), place=x.place)
        patches = paddle.index_select(flat, where, axis=2).reshape([n, self.groups, -1, index.shape[1]])
        return patches.transpose([1, 0, 3, 2]).reshape([self.groups, n * index.shape[1], -1])

    def rows(self, y: Any, positions: Array | None = None) -> Any:
        """The operator's outputs in the same order: (groups, rows, outputs of a group)."""
        if self.kind == "linear":
            y = y.reshape([y.shape[0], -1, y.shape[-1]]) if y.ndim > 2 else y.unsqueeze(1)
            return _picked(y, positions, 1).reshape([1, -1, y.shape[-1]])
        y = _channels_first(y, self.channels_last)
        n = y.shape[0]
        flat = _picked(y.reshape([n, self.groups, y.shape[1] // self.groups, -1]), positions, 3)
        return flat.transpose([1, 0, 3, 2]).reshape([self.groups, n * flat.shape[3], -1])

    def _space(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        return shape[1:-1] if self.channels_last else shape[2:]

    @cached_property
    def _index(self) -> Array:
        """For each kernel position and output position, the input position it reads: (kernel, positions), int64.

        The number of input positions stands for padding.
        """
        sizes, outs = self._space(self.x_shape), self._space(self.y_shape)
        strides, dilations = self.op.attributes["strides"], self.op.attributes["dilations"]
        before = _padding(self, sizes, outs)
        index, inside = np.zeros((1, 1), np.int64), np.ones((1, 1), bool)
        for n, out, k, s, d, pad in zip(sizes, outs, self.kernel, strides, dilations, before, strict=True):
            taps, places = np.arange(k)[:, None] * d, np.arange(out)[None, :]
            if self.kind == "convolution":
                at = places * s + taps - pad
                valid = (at >= 0) & (at < n)
            else:  # what a stride spread out: only every s-th place was an input
                at, rest = np.divmod(places + pad - taps, s)
                valid = (rest == 0) & (at >= 0) & (at < n)
            index = (index[:, None, :, None] * n + at[None, :, None, :]).reshape(len(index) * k, -1)
            inside = (inside[:, None, :, None] & valid[None, :, None, :]).reshape(index.shape)
        return np.where(inside, index, math.prod(sizes))


def weighted_operators(graph: Graph) -> tuple[Weighted, ...]:
    """The weighted operators of a network in its order; a weight that several operators share is left out."""
    return tuple(found[0] for found in _by_weight(graph) if len(found) == 1)


def shared_operators(graph: Graph) -> tuple[tuple[Weighted, ...], ...]:
    """The weights that several operators share, each by its operators in order: of one kind, that see it alike."""
    return tuple(found for found in _by_weight(graph) if len(found) > 1 and all(_alike(found[0], w) for w in found))


def _alike(a: Weighted, b: Weighted) -> bool:
    return (a.kind, a.shape, a.flipped, a.groups) == (b.kind, b.shape, b.flipped, b.groups) and (
        np.array_equal(a.live, b.live))


def _by_weight(graph: Graph) -> tuple[tuple[Weighted, ...], ...]:
    """The operators of each weight that nothing but such operators reads, in the order of their first ones."""
    program = graph.program
    held = {p.value: p for p in program.parameters}
    found: dict[str, list[Weighted | None]] = {}
    for op in program.ops:
        arguments = _operands(op)
        if arguments is None:
            continue
        data, parameter = arguments[0], held.get(_source(program, arguments[1]))
        if parameter is None or parameter.kind == "constant" or _source(program, data) in held:
            continue
        shape = program.shapes[arguments[1]] or ()
        fits = len(shape) >= 2 and (arguments[2] != "linear" or len(shape) == 2)
        found.setdefault(parameter.name, []).append(
            _weighted(program, op, arguments, parameter.name, shape, held) if fits else None)
    return tuple(tuple(filter(None, ops)) for name, ops in found.items()
                 if None not in ops and sum(len(readers_past_views(program, p.value)) for p in program.parameters
                                            if p.name == name) == len(ops))


def _operands(op: Op) -> tuple[int, int, str] | None:
    """The value ids of data and weight, and the kind."""
    if op.name in _CONVOLUTIONS:
        data, weight, kind = op.operand("input"), op.operand("filter"), "convolution"
    elif op.name in _TRANSPOSED:
        data, weight, kind = op.operand("x"), op.operand("filter"), "transposed"
    elif op.name == "matmul" and not op.attributes.get("transpose_x", False):
        data, weight, kind = op.operand("x"), op.operand("y"), "linear"
    else:
        return None
    return None if data is None or weight is None else (data, weight, kind)


def _weighted(program: Program, op: Op, arguments: tuple[int, int, str], weight: str, shape: tuple[int, ...],
              held: dict[int, Any]) -> Weighted:
    data, _, kind = arguments
    y, end, bias = op.outputs[0], op.outputs[0], None
    readers = program.consumers.get(y, ())
    if len(readers) == 1 and readers[0].name in ("add", "add_"):
        other = next((v for v in readers[0].inputs if v != y), None)
        parameter = held.get(_source(program, other)) if other is not None else None
        outputs = shape[0 if kind == "convolution" else 1] * (op.attributes.get("groups", 1) if kind == "transposed"
                                                              else 1)
        if kind == "linear" and op.attributes.get("transpose_y", False):
            outputs = shape[0]
        if parameter is not None and parameter.kind == "parameter" and parameter.shape == (outputs,):
            end, bias = readers[0].outputs[0], parameter.name
    return Weighted(op, kind, weight, shape, data, y, end, bias, program.shapes[data] or (), program.shapes[y] or ())


def _source(program: Program, value: int | None) -> int:
    """The value that ``value`` is a view of, in the same order of numbers."""
    while value is not None:
        op = program.producers.get(value)
        if op is None or op.name not in _VIEWS or op.inputs[0] is None:
            return value
        value = op.inputs[0]
    return -1


def readers_past_views(program: Program, value: int) -> tuple[Op, ...]:
    """The operators that read a value, views of it apart."""
    found: list[Op] = []
    for op in program.consumers.get(value, ()):
        found += readers_past_views(program, op.outputs[0]) if op.name in _VIEWS else [op]
    return tuple(found)


def _padding(weighted: Weighted, sizes: tuple[int, ...], outs: tuple[int, ...]) -> list[int]:
    """What stands before the first input along each axis of space."""
    attributes = weighted.op.attributes
    rank = len(sizes)
    algorithm, paddings = attributes.get("padding_algorithm", "EXPLICIT"), list(attributes["paddings"])
    if algorithm == "VALID":
        return [0] * rank
    if algorithm == "SAME":
        reach = [(k - 1) * d + 1 for k, d in zip(weighted.kernel, attributes["dilations"], strict=True)]
        strides = attributes["strides"]
        ends = zip(sizes, outs, reach, strides, strict=True)
        if weighted.kind == "transposed":
            return [max((n - 1) * s + r - out, 0) // 2 for n, out, r, s in ends]
        return [max((out - 1) * s + r - n, 0) // 2 for n, out, r, s in ends]
    return paddings[::2] if len(paddings) == 2 * rank else paddings


def _channels_first(x: Any, channels_last: bool) -> Any:
    return x.transpose([0, x.ndim - 1, *range(1, x.ndim - 1)]) if channels_last else x


def _picked(x: Any, positions: Array | None, axis: int) -> Any:
    if positions is None:
        return x
    return paddle.index_select(x, paddle.to_tensor(positions, place=x.place), axis=axis)
