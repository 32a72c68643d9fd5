"""The graph in a form that has gradients in eval mode too.

Paddle's recurrent operator has none while it is told to test.
"""

from __future__ import annotations

import weakref
from dataclasses import replace

from prunelab.graph.program import Program
from prunelab.graph.rules import RULES
from prunelab.graph.run import Executor
from prunelab.graph.structure import Structure

_KNOWN: weakref.WeakKeyDictionary[Structure, Executor] = weakref.WeakKeyDictionary()


def differentiable(structure: Structure) -> Executor:
    """An executor of the whole network that computes the same in eval mode, and has a backward there too."""
    if not any(op.name == "rnn" for op in structure.program.ops):
        return structure.executor
    if structure not in _KNOWN:
        _KNOWN[structure] = Executor(with_backward(structure.program), structure.solution, RULES)
    return _KNOWN[structure]


def recurrent_weights(program: Program) -> frozenset[int]:
    """The parameters that recurrent operators read, through lists: Paddle has a gradient of such an operator only where
    it is asked for those of all its weights too."""
    lists = [v for op in program.ops if op.name == "rnn" for v in op.inputs if v is not None]
    read = {v for u in lists for v in (program.producers[u].inputs if u in program.producers else (u,))}
    return frozenset(p.value for p in program.parameters if p.value in read and p.kind == "parameter")


def with_backward(program: Program) -> Program:
    """The program with recurrent operators that do not know they are tested."""
    return replace(program, ops=tuple(
        replace(op, attributes={**op.attributes, "is_test": False, "dropout_prob": 0.0}) if op.name == "rnn" else op
        for op in program.ops))
