"""LSTM, GRU and simple recurrent layers: Paddle runs all layers and directions as one operator with one hidden size.

Each weight's rows are gates x hidden units. A hidden unit goes from every gate, from the recurrent input, and from the
layers above.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

from prunelab.errors import InputError
from prunelab.graph.dims import Dim, atom, concatenation, find, product
from prunelab.graph.solver import Rule, Step, Widths, free

GATES = {"LSTM": 4, "GRU": 3}


def _layout(step: Step) -> tuple[list[list[Dim]], list[list[Dim]], int, int]:
    """Matrices, biases, number of layers, number of directions."""
    weights = step.dims("weight_list")
    layers, directions = step.attribute("num_layers"), 2 if step.attribute("is_bidirec") else 1
    matrices = 2 * directions * layers
    return weights[:matrices], weights[matrices:], layers, directions


def _check_lengths(step: Step) -> None:
    """Of anything but a number a sample Paddle reads beyond the end, and the process dies somewhere else."""
    if not step.has("sequence_length"):
        return
    got, n = tuple(find(d).size for d in step.dims("sequence_length")), find(step.dims("x")[1]).size
    if math.prod(got) != n:
        raise InputError(f"a recurrent layer{step.op.line} takes lengths of shape ({n},), one for each sample, and "
                         f"gets {got}; of a mask give the lengths: sequence_length=mask.sum(1)")


def _rnn(step: Step) -> None:
    _check_lengths(step)
    x, states = step.dims("x"), step.dims("pre_state")
    matrices, biases, layers, directions = _layout(step)
    gates = GATES.get(step.attribute("mode"), 1)
    hidden = atom(step.attribute("hidden_size"))
    step.tag(hidden, "hidden")
    wide = concatenation([hidden] * directions)
    below = x[2]
    step.fix(x[0], "steps in time")
    for k in range(layers):
        for j in range(directions):
            reads, recurs = matrices[2 * (k * directions + j)], matrices[2 * (k * directions + j) + 1]
            for weight, read in ((reads, below), (recurs, hidden)):
                step.tie(weight[0], product([atom(gates, "gates"), hidden]))
                step.tie(weight[1], read)
        below = wide
    for bias in biases:
        step.tie(bias[0], product([atom(gates, "gates"), hidden]))
    for state, dirty in zip(states, step.dirty("pre_state"), strict=True):
        step.fix(state[0], "layers and directions")
        step.tie(state[1], x[1])
        step.tie(state[2], hidden)
        step.need_zero(hidden, dirty, reason="an initial state that is not zero where cut")
    _note_roles(step)
    rows = free([x[1]])  # biases move what was zero in them
    step.give([x[0], x[1], wide], rows)
    last = [[atom(layers * directions, "layers"), states[0][1], hidden] for _ in states]
    step.give(last, [rows] * len(states), 2)
    step.give_rest()


def _note_roles(step: Step) -> None:
    solution = step.solution
    combine = solution.program.producers[step.value("weight_list")]  # type: ignore[index]
    matrices = len(_layout(step)[0])
    for k, value in enumerate(combine.inputs):
        if value in solution.held:
            solution.roles.setdefault((value, 0), "out" if k < matrices else "norm")
            if k < matrices:
                solution.roles.setdefault((value, 1), "in")


def _rnn_sizes(step: Step, widths: Widths) -> dict[str, Any]:
    matrices, _, _, _ = _layout(step)
    return {"hidden_size": widths.size(matrices[1][1]), "input_size": widths.size(step.dims("x")[2])}


def _rnn_macs(step: Step) -> Iterable[list[Dim]]:
    x = step.dims("x")
    for matrix in _layout(step)[0]:
        yield [x[0], x[1], *matrix]


RULES = {"rnn": Rule(_rnn, _rnn_sizes, _rnn_macs, frozenset({"hidden_size", "input_size"}))}
